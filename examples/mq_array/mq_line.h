// Means and lines of an MQ array. Nothing of a board is in here: it compiles on a computer too.
//
// The format of a line is described in docs/serial_protocol.md.

#ifndef MQ_LINE_H
#define MQ_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Sums samples, all channels equally often.
template <uint8_t CHANNELS>
class MqMeans {
 public:
  void add(uint8_t channel, uint16_t sample) { sums_[channel] += sample; }

  // Call it after a sample of every channel; returns how many there are of each.
  uint16_t endRound() { return ++rounds_; }

  // Rounded to the nearest whole number.
  unsigned int mean(uint8_t channel) const { return (sums_[channel] + rounds_ / 2) / rounds_; }

  void clear() { *this = MqMeans(); }

 private:
  uint32_t sums_[CHANNELS] = {};
  uint16_t rounds_ = 0;
};

// Appends checksum and line end to the text in `line`, for which five more characters must be there.
inline void mqEndLine(char *line) {
  uint8_t checksum = 0;
  char *end = line;
  for (; *end != '\0'; end++) {
    checksum ^= (uint8_t)*end;
  }
  snprintf(end, 5, "*%02X\n", checksum);
}

// Writes one reading into `line`, which holds 6 characters for each channel and 5 more.
template <uint8_t CHANNELS>
void mqLine(char *line, const MqMeans<CHANNELS> &means) {
  char *end = line;
  for (uint8_t i = 0; i < CHANNELS; i++) {
    end += snprintf(end, 7, i == 0 ? "%u" : ",%u", means.mean(i));
  }
  mqEndLine(line);
}

#endif
