// Reads seven MQ gas sensors and sends one CSV line per reading, ten times a second.
//
// The format is described in docs/serial_protocol.md, wiring in docs/hardware_arrays.md: the analogue output of
// each module to the pin in the board's file, in the order of HEADER; 5 V for the heaters from a supply of at
// least 1.5 A, not from the board.

#include "mq_line.h"
#if defined(ARDUINO_ARCH_ESP32)
#include "board_esp32.h"
#else
#include "board_arduino.h"
#endif

const char *const HEADER = "mq2,mq3,mq5,mq6,mq7,mq8,mq135";
const uint8_t CHANNELS = sizeof(PINS) / sizeof(PINS[0]);

// 25 samples, evenly over 100 ms: 5 periods of 50 Hz, 6 of 60 Hz. Their mean is free of either hum.
const unsigned long SAMPLE_MICROSECONDS = 4000;
const uint16_t SAMPLES = 25;
const unsigned int READINGS_PER_HEADER = 50;

MqMeans<CHANNELS> means;
unsigned long nextSample = 0;
unsigned int readings = 0;

void sendHeader() {
  char line[40];
  snprintf(line, sizeof(line) - 5, "%s", HEADER);
  mqEndLine(line);
  Serial.print(line);
}

void sendReading() {
  char line[6 * CHANNELS + 5];
  mqLine(line, means);
  Serial.print(line);
}

void setup() {
  Serial.begin(115200);
  setupInputs();
  nextSample = micros();
}

void loop() {
  if ((long)(micros() - nextSample) < 0) {
    return;
  }
  nextSample += SAMPLE_MICROSECONDS;
  for (uint8_t i = 0; i < CHANNELS; i++) {
    means.add(i, readInput(PINS[i]));
  }
  if (means.endRound() < SAMPLES) {
    return;
  }
  if (readings++ % READINGS_PER_HEADER == 0) {
    sendHeader();
  }
  sendReading();
  means.clear();
}
