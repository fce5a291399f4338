// Reads seven MQ gas sensors and sends one CSV line per reading.
//
// The format is described in docs/serial_protocol.md. Wiring: the analogue output of each module to the pin
// below, in the order MQ2 MQ3 MQ5 MQ6 MQ7 MQ8 MQ135; 5 V for the heaters from a supply of at least 1.5 A, not
// from the board. Needs a board with seven analogue inputs, such as an Arduino Mega 2560 or Nano.

const char *const HEADER = "mq2,mq3,mq5,mq6,mq7,mq8,mq135";
const uint8_t PINS[] = {A0, A1, A2, A3, A4, A5, A6};
const uint8_t CHANNELS = sizeof(PINS) / sizeof(PINS[0]);

const unsigned long PERIOD_MS = 100;
const unsigned int READINGS_PER_HEADER = 50;
const uint8_t SAMPLES = 8;  // averaged, against the noise of the converter

unsigned long nextReading = 0;
unsigned int readings = 0;

unsigned int readChannel(uint8_t pin) {
  analogRead(pin);  // The first conversion after switching inputs still carries the last one's charge.
  unsigned int sum = 0;
  for (uint8_t i = 0; i < SAMPLES; i++) {
    sum += analogRead(pin);
  }
  return (sum + SAMPLES / 2) / SAMPLES;
}

void sendLine(const char *line) {
  uint8_t checksum = 0;
  for (const char *c = line; *c != '\0'; c++) {
    checksum ^= (uint8_t)*c;
  }
  char end[5];
  snprintf(end, sizeof(end), "*%02X\n", checksum);
  Serial.print(line);
  Serial.print(end);
}

void setup() {
  Serial.begin(115200);
  nextReading = millis();
}

void loop() {
  if ((long)(millis() - nextReading) < 0) {
    return;
  }
  nextReading += PERIOD_MS;
  if (readings++ % READINGS_PER_HEADER == 0) {
    sendLine(HEADER);
  }
  char line[8 * CHANNELS];
  size_t length = 0;
  for (uint8_t i = 0; i < CHANNELS; i++) {
    length += snprintf(line + length, sizeof(line) - length, i == 0 ? "%u" : ",%u", readChannel(PINS[i]));
  }
  sendLine(line);
}
