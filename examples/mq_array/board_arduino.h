// An Arduino with seven analogue inputs, such as a Nano or a Mega 2560: counts of 10 bits, 1023 at 5 V.
//
// Array file of its readings: config/arrays/arduino_10bit_5v.yaml.

const uint8_t PINS[] = {A0, A1, A2, A3, A4, A5, A6};

inline void setupInputs() {}

inline uint16_t readInput(uint8_t pin) {
  analogRead(pin);  // The first conversion after switching inputs still carries the last one's charge.
  return analogRead(pin);
}
