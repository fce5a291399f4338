// An ESP32: millivolts of the modules' outputs, by the calibration that the chip carries.
//
// Its inputs stand 3.3 V at most, so each output of a 5 V module goes through a divider of two equal resistors,
// 10 kOhm each: module, resistor, pin, resistor, ground. Array file: config/arrays/esp32_millivolts.yaml.

// The first six are of ADC1. The seventh is of ADC2, which cannot be read while Wi-Fi is on; this sketch has none.
const uint8_t PINS[] = {36, 39, 34, 35, 32, 33, 27};
const uint8_t DIVIDER = 2;

inline void setupInputs() {
  analogReadResolution(12);
  for (uint8_t pin : PINS) {
    analogSetPinAttenuation(pin, ADC_11db);  // measures up to about 3.1 V, well up to 2.45 V
  }
}

inline uint16_t readInput(uint8_t pin) { return DIVIDER * analogReadMilliVolts(pin); }
