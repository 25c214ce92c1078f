#include "agent/http.h"

#include <atomic>
#include <cerrno>
#include <thread>

#include <httplib.h>

namespace punchline {
namespace {

constexpr std::size_t kRequestsAtATime = 2;
constexpr std::chrono::seconds kSlowClientMax{3};

// The library would also set SO_REUSEPORT, with which two agents share a port unnoticed.
void set_socket_options(int socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

// Nothing of a bind that failed; the port where it listens otherwise.
std::optional<std::uint16_t> bind_server(httplib::Server& server, const ListenAddress& listen) {
  server.set_socket_options(set_socket_options);
  errno = 0;
  if (listen.port != 0) {
    if (!server.bind_to_port(listen.host, listen.port)) return std::nullopt;
    return listen.port;
  }
  const int port = server.bind_to_any_port(listen.host);
  if (port <= 0) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

Error cannot_listen(const ListenAddress& listen) {
  const int code = errno;
  const auto what = "http: cannot listen on " + format_address(listen);
  if (code == 0) return Error(ErrorKind::busy, 0, what + ": no such address");
  return Error(ErrorKind::busy, code, what);
}

void answer(const HttpServer::Pages& pages, const httplib::Request& request,
            httplib::Response& response) {
  if (request.method != "GET" && request.method != "HEAD") {
    response.status = 405;
    response.set_header("Allow", "GET, HEAD");
    response.set_content("only GET and HEAD\n", "text/plain");
    return;
  }
  const auto page = pages(request.path);
  response.status = page ? page->status : 404;
  response.set_content(page ? page->body : "no such page\n",
                       page ? page->content_type.c_str() : "text/plain");
}

class Server : public HttpServer {
 public:
  explicit Server(Pages pages) : pages_(std::move(pages)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kRequestsAtATime); };
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kSlowClientMax);
    server_.set_write_timeout(kSlowClientMax);
    server_.set_payload_max_length(0);
    server_.set_pre_routing_handler([this](const auto& request, auto& response) {
      answer(pages_, request, response);
      return httplib::Server::HandlerResponse::Handled;
    });
  }

  ~Server() override {
    if (!thread_.joinable()) return;
    // stop() does nothing before the thread has begun to listen.
    while (!server_.is_running() && !ended_)
      std::this_thread::yield();
    server_.stop();
    thread_.join();
  }

  bool bind(const ListenAddress& listen) {
    const auto port = bind_server(server_, listen);
    if (port) address_ = format_address({listen.host, *port});
    return port.has_value();
  }

  void start() {
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
  }

  std::string address() const override { return address_; }

 private:
  Pages pages_;
  httplib::Server server_;
  std::string address_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen,
                                               HttpServer::Pages pages) {
  auto server = std::make_unique<Server>(std::move(pages));
  if (!server->bind(listen)) return cannot_listen(listen);
  server->start();
  return std::unique_ptr<HttpServer>(std::move(server));
}

Status can_listen(const ListenAddress& listen) {
  httplib::Server server;
  if (!bind_server(server, listen)) return cannot_listen(listen);
  return {};
}

}  // namespace punchline
