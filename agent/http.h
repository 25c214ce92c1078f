#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/listen_address.h"
#include "agent/pages.h"
#include "buffer/result.h"

namespace punchline {

/// Serves pages on a thread of its own, two requests at a time, until it is destroyed.
class HttpServer {
 public:
  /// Called by the server's threads, two at a time.
  using Pages = std::function<std::optional<Page>(std::string_view path)>;

  virtual ~HttpServer() = default;
  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Where it listens, with the port that was picked if 0 was asked for: "127.0.0.1:40123".
  virtual std::string address() const = 0;
};

/// Binds and starts. GET and HEAD only; 405 for other methods, 404 where `pages` has nothing.
/// Error `busy`: the address is taken or not ours; the text names it and says why.
Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen,
                                               HttpServer::Pages pages);

/// Whether serve_http could bind now; holds the port only for the moment.
Status can_listen(const ListenAddress& listen);

}  // namespace punchline
