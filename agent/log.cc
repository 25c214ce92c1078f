#include "agent/log.h"

#include <string>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace punchline {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool needs_escape(char c, LogFormat format) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) return true;
  return format == LogFormat::json && (c == '"' || c == '\\');
}

std::string escaped(std::string_view text, LogFormat format) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (!needs_escape(c, format)) {
      out += c;
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

class StderrLog : public Log {
 public:
  StderrLog(LogLevel lowest, LogFormat format)
      : format_(format), logger_("punchline", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(level_of(lowest));
    logger_.flush_on(spdlog::level::trace);
    logger_.set_pattern(format == LogFormat::json
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":"%v"})"
                            : "%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  }

  void write(LogLevel level, std::string_view text) override {
    logger_.log(level_of(level), "{}", escaped(text, format_));
  }

 private:
  LogFormat format_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format) {
  return std::make_unique<StderrLog>(lowest, format);
}

}  // namespace punchline
