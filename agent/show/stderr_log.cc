#include "agent/show/stderr_log.h"

#include <mutex>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "agent/show/log_writer.h"

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

/// The text in one line, whatever a path or a broker's text has in it.
std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\u{:04x}", byte);
    }
  }
  return out;
}

/// `text` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Lines that were dropped are reported before the first line that finds room again.
class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  WriterSink(int fd, LogFormat format) : writer_(fd), format_(format) {}

  std::uint64_t dropped() const { return writer_.dropped(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto dropped = writer_.dropped();
    if (dropped > told_ && write(spdlog::level::warn, dropped_text(dropped - told_))) {
      told_ = dropped;
    }
    write(message);
  }
  void flush_() override {}

 private:
  std::string dropped_text(std::uint64_t lines) const {
    const auto text = fmt::format(
        "log: {} lines before this one are missing: nobody read them in time", lines);
    return format_ == LogFormat::json ? json_string(text) : text;
  }
  bool write(spdlog::level::level_enum level, const std::string& text) {
    return write({"punchline", level, text});
  }
  bool write(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    return writer_.write(std::string(line.data(), line.size()));
  }

  LogWriter writer_;
  LogFormat format_;
  std::uint64_t told_ = 0;
};

class StderrLog : public Log {
 public:
  StderrLog(LogLevel lowest, LogFormat format)
      : format_(format),
        sink_(std::make_shared<WriterSink>(STDERR_FILENO, format)),
        logger_("punchline", sink_) {
    logger_.set_level(level_of(lowest));
    logger_.set_pattern(format == LogFormat::json
                            ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":%v})"
                            : "%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  }

  void write(LogLevel level, std::string_view text) override {
    logger_.log(level_of(level), "{}",
                format_ == LogFormat::json ? json_string(text) : escaped(text));
  }
  std::uint64_t dropped() const override { return sink_->dropped(); }

 private:
  LogFormat format_;
  std::shared_ptr<WriterSink> sink_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> stderr_log(LogLevel lowest, LogFormat format) {
  return std::make_unique<StderrLog>(lowest, format);
}

}  // namespace punchline
