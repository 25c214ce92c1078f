#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/listen_address.h"
#include "agent/show/pages.h"
#include "buffer/base/result.h"

namespace punchline {

/// Serves pages on a thread of its own until it is destroyed. One request a connection.
///
/// No client keeps another waiting, whether it is slow, silent or greedy: the thread never waits for
/// one. When there are clients_max, or bodies_bytes_max of pages wait to be read, whoever has been
/// there longest is cut off for the newest, though each has grace_time to say what it wants; after
/// client_time everybody is. So memory and descriptors are bounded too.
class HttpServer {
 public:
  struct Limits {
    std::size_t clients_max = 128;
    std::size_t bodies_bytes_max = 16 << 20;  ///< But one page always fits.
    std::chrono::milliseconds client_time{10'000};
    std::chrono::milliseconds grace_time{50};
  };
  /// Called by the server's thread.
  using Pages = std::function<std::optional<Page>(std::string_view path)>;

  virtual ~HttpServer() = default;
  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Where it listens, with the port that was picked if 0 was asked for: "127.0.0.1:40123".
  virtual std::string address() const = 0;
};

/// Binds and starts. GET and HEAD only; 405 for other methods, 404 where `pages` has nothing.
/// Errors: `busy` as listen_on(), `io` where no thread can be started.
Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen, HttpServer::Pages pages,
                                               HttpServer::Limits limits);
Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen,
                                               HttpServer::Pages pages);

/// Whether serve_http could bind now; holds the port only for the moment.
Status can_listen(const ListenAddress& listen);

}  // namespace punchline
