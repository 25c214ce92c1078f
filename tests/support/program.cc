#include "tests/support/program.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

constexpr std::string_view kListening = "http: listening on 127.0.0.1:";

RunSetup with_http(RunSetup setup) {
  setup.more.insert(setup.more.end(), {"--listen", "127.0.0.1:0"});
  return setup;
}

std::string http_get(std::uint16_t port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    std::array<char, 65536> part;
    ssize_t got = 0;
    while ((got = recv(fd, part.data(), part.size(), 0)) > 0) {
      answer.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  close(fd);
  return answer;
}

}  // namespace

Command punchline(std::vector<std::string> arguments) {
  const char* given = std::getenv("PUNCHLINE_PROGRAM");
  arguments.insert(arguments.begin(), given != nullptr ? given : PUNCHLINE_PROGRAM);
  return {.argv = std::move(arguments)};
}

Command run_command(const RunSetup& setup) {
  auto command =
      punchline({"run", "-b", setup.buffer, "--topic", setup.topic, "--brokers", setup.brokers});
  auto& argv = command.argv;
  argv.insert(argv.end(), setup.more.begin(), setup.more.end());
  argv.insert(argv.begin(), setup.before.begin(), setup.before.end());
  return command;
}

Finished run_once(const RunSetup& setup, std::chrono::seconds limit) {
  auto command = run_command(setup);
  const auto timeout = std::to_string((limit - std::chrono::seconds(10)).count());
  command.argv.insert(command.argv.end(), {"--once", "--timeout", timeout});
  return run(command, limit);
}

Agent::Agent(const RunSetup& setup)
    : buffer_(setup.buffer), process_(run_command(with_http(setup))) {}

Agent::Agent(std::string buffer, const Command& command)
    : buffer_(std::move(buffer)), process_(command) {}

bool Agent::logs(std::string_view text, Clock::duration limit) {
  return eventually(limit,
                    [&] { return log().find(text) != std::string::npos || !process_.running(); }) &&
         log().find(text) != std::string::npos;
}

std::uint16_t Agent::port() {
  if (port_ != 0) return port_;
  if (!logs(kListening)) throw std::runtime_error("the agent does not listen:\n" + log());
  const auto text = log();
  const auto at = text.find(kListening) + kListening.size();
  port_ = static_cast<std::uint16_t>(std::strtoul(text.c_str() + at, nullptr, 10));
  return port_;
}

std::string Agent::page(const std::string& path, int* status) {
  const auto answer = http_get(port(), path);
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos) throw std::runtime_error("no HTTP answer:\n" + log());
  if (status != nullptr) *status = std::atoi(answer.c_str() + answer.find(' '));
  return answer.substr(body + 4);
}

double Agent::metric(const std::string& name, std::string_view label) {
  static const std::string reference = read_file(PUNCHLINE_REFERENCE);
  if (reference.find("`" + name + "`") == std::string::npos)
    throw std::runtime_error("deploy/reference.md has no metric " + name);
  std::istringstream lines(page("/metrics"));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto name_end = line.find_first_of("{ ");
    if (line.substr(0, name_end) != name || line.find(label) == std::string::npos) continue;
    sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sum;
}

bool Agent::drains(Clock::duration limit) {
  return eventually(limit, [this] {
    const auto appended = static_cast<double>(std::filesystem::file_size(buffer_));
    // In this order: what waits counts only once the agent has seen the whole file.
    return metric("punchline_logical_bytes") == appended && metric("punchline_waiting_bytes") == 0;
  });
}

Exit Agent::stop(Clock::duration limit) {
  process_.signal(SIGTERM);
  return process_.finish(limit);
}

Inspection inspect(const std::string& buffer) {
  const auto result = run(punchline({"inspect", buffer, "--json"}));
  if (result.exit.code != 0) throw std::runtime_error("inspect failed: " + result.err);
  const auto json = nlohmann::json::parse(result.out);
  return {.front = json.at("front"),
          .logical_bytes = json.at("logical_bytes"),
          .data_bytes = json.at("data_bytes"),
          .allocated_bytes = json.at("allocated_bytes"),
          .waiting_records = json.at("waiting_records"),
          .waiting_bytes = json.at("waiting_bytes"),
          .set_aside = json.at("set_aside").size(),
          .text = result.out};
}

std::vector<std::filesystem::path> orphans_in(const std::string& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().find(".orphan-") != std::string::npos) {
      found.push_back(entry.path());
    }
  }
  return found;
}

}  // namespace punchline::testing
