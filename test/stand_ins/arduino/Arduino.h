// What the sketches call of a board, on a computer: time passes by what is called, voltages carry a hum.
//
// `sketch LINES HUM FREQUENCY PHASE` runs until so many lines are sent, with a hum of so many counts or
// millivolts on every pin. A pin's own value is 400 + 3 * its number.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { A0 = 14, A1, A2, A3, A4, A5, A6 };
enum { ADC_0db, ADC_11db };

static double hostSeconds = 0.0, hostHum, hostFrequency, hostPhase;
static int hostLines;

inline double hostValue(uint8_t pin) {
  hostSeconds += 112e-6;
  return 400 + 3 * pin + hostHum * sin(2 * M_PI * hostFrequency * hostSeconds + hostPhase);
}

inline unsigned long micros() {
  hostSeconds += 4e-6;
  return (unsigned long)(uint32_t)(4000000000u + hostSeconds * 1e6);  // overflows soon, as a board's does
}

#if defined(ARDUINO_ARCH_ESP32)
static int hostBits = 0;
static bool hostIsAttenuated[64] = {};
inline void analogReadResolution(uint8_t bits) { hostBits = bits; }
inline void analogSetPinAttenuation(uint8_t pin, int value) { hostIsAttenuated[pin] = value == ADC_11db; }
inline uint32_t analogReadMilliVolts(uint8_t pin) {
  return hostBits == 12 && hostIsAttenuated[pin] ? (uint32_t)lround(hostValue(pin)) : 0;
}
#else
inline int analogRead(uint8_t pin) { return (int)lround(hostValue(pin)); }
#endif

struct {
  void begin(unsigned long baud) {
    if (baud != 115200) abort();
  }
  void print(const char *line) {
    fputs(line, stdout);
    if (--hostLines == 0) exit(0);
  }
} Serial;

void setup();
void loop();

int main(int, char **arguments) {
  hostLines = atoi(arguments[1]);
  hostHum = atof(arguments[2]);
  hostFrequency = atof(arguments[3]);
  hostPhase = atof(arguments[4]);
  setup();
  for (;;) loop();
}
