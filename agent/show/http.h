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

/// Serves pages on a thread of its own until it is destroyed. One request per connection.
///
/// No client keeps another waiting, whether it is slow, silent or greedy: the thread never waits
/// for one. When there are clients_max, or when bodies_bytes_max of pages wait to be read, the
/// client that has been there longest is cut off in favour of the newest; but each has grace_time
/// to send its request. After client_time every client is cut off. So memory and descriptors are
/// bounded, too.
class HttpServer {
 public:
  struct Limits {
    std::size_t clients_max = 128;
    std::size_t bodies_bytes_max = 16 << 20;  ///< One page always fits.
    std::chrono::milliseconds client_time{10'000};
    std::chrono::milliseconds grace_time{50};
  };
  /// Returns the page at a path. Called by the server's thread.
  using Pages = std::function<std::optional<Page>(std::string_view path)>;

  virtual ~HttpServer() = default;
  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The address it listens on, with the port that was picked if 0 was asked for:
  /// "127.0.0.1:40123".
  virtual std::string address() const = 0;
};

/// Binds and starts. GET and HEAD only; 405 for other methods, 404 if `pages` has no such page.
/// Errors: `busy` as listen_on(), `io` if no thread can be started.
Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen, HttpServer::Pages pages,
                                               HttpServer::Limits limits);
Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen,
                                               HttpServer::Pages pages);

/// Whether serve_http() could bind now. Holds the port only for a moment.
Status can_listen(const ListenAddress& listen);

}  // namespace punchline
