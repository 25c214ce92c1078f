// The broker that librdkafka can play, for scripts: prints its address, and ends with its input.

#include <cstdio>

#include <unistd.h>

#include "sinks/embedded_broker.h"

int main() {
  const auto broker = punchline::EmbeddedBroker::start();
  if (!broker.ok()) return 69;
  std::printf("%s\n", (*broker)->bootstrap().c_str());
  std::fflush(stdout);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
