#include "agent/show/http.h"

#include <cerrno>
#include <deque>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace punchline;
using namespace Catch::Matchers;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLargeBytes = 8 << 20;  // more than sockets hold

std::optional<Page> pages(std::string_view path) {
  if (path == "/hello") return Page{.body = "hello\n"};
  if (path == "/ill") return Page{.status = 503, .body = "ill\n"};
  if (path == "/large") return Page{.body = std::string(kLargeBytes, '.')};
  return std::nullopt;
}

std::unique_ptr<HttpServer> serve(const char* where, HttpServer::Limits limits = {}) {
  auto server = serve_http(*parse_listen_address(where), pages, limits);
  REQUIRE(server.ok());
  return std::move(*server);
}

int connect_to(const std::string& address) {
  const auto where = parse_listen_address(address);
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(where->port);
  REQUIRE(inet_pton(AF_INET, where->host.c_str(), &to.sin_addr) == 1);
  REQUIRE(connect(socket_fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
  return socket_fd;
}

/// Sends text and reads until the server closes.
std::string talk(const std::string& address, const std::string& request) {
  const int socket_fd = connect_to(address);
  REQUIRE(send(socket_fd, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size()));
  std::string answer;
  char piece[4096];
  for (ssize_t got = 0; (got = recv(socket_fd, piece, sizeof(piece), 0)) > 0;) {
    answer.append(piece, static_cast<std::size_t>(got));
  }
  close(socket_fd);
  return answer;
}

std::string request(const std::string& address, const std::string& method,
                    const std::string& path) {
  return talk(address, method + ' ' + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
}

/// A connection that is closed with it.
class Caller {
 public:
  explicit Caller(const std::string& address) : socket_(connect_to(address)) {
    const timeval patience{20, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~Caller() { close(socket_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  void say(std::string_view text) const {
    (void)send(socket_, text.data(), text.size(), MSG_NOSIGNAL);  // it may be cut off
  }
  /// All that comes until the server hangs up, which it has to.
  std::string hear() const {
    std::string heard;
    char piece[4096];
    ssize_t got = 0;
    while ((got = recv(socket_, piece, sizeof(piece), 0)) > 0)
      heard.append(piece, static_cast<std::size_t>(got));
    CHECK((got == 0 || errno == ECONNRESET));
    return heard;
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("silent clients keep nobody waiting, and the oldest are cut off for the newest") {
  const auto server = serve("127.0.0.1:0", {.clients_max = 4, .client_time = 1h, .grace_time = 1ms});
  const std::string halves[] = {"", "G", "GET /hello HTTP/1.1\r\n", "POST / HTTP/1.1\r\nConte"};
  std::deque<Caller> silent;
  for (int i = 0; i < 40; ++i) {
    silent.emplace_back(server->address()).say(halves[i % 4]);
    if (i % 8 == 7) CHECK_THAT(request(server->address(), "GET", "/hello"), EndsWith("hello\n"));
  }
  for (int i = 0; i < 32; ++i)
    CHECK(silent[static_cast<std::size_t>(i)].hear().empty());
}

TEST_CASE("pages that nobody reads take bounded memory and keep nobody waiting") {
  const auto server = serve("127.0.0.1:0", {.bodies_bytes_max = 2 * kLargeBytes + 100});
  std::deque<Caller> slow;
  for (int i = 0; i < 8; ++i) {
    slow.emplace_back(server->address()).say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_THAT(request(server->address(), "GET", "/hello"), EndsWith("hello\n"));
  }
  CHECK(slow.front().hear().size() < kLargeBytes);
  CHECK(slow.back().hear().size() > kLargeBytes);
}

TEST_CASE("a client that never comes to an end is cut off") {
  const auto server = serve("127.0.0.1:0", {.client_time = 50ms});
  const Caller slow(server->address());
  slow.say("GET /hel");
  CHECK(slow.hear().empty());
}

TEST_CASE("whatever a request asks for, it gets one answer") {
  const auto server = serve("127.0.0.1:0");
  for (const std::string more :
       {"Expect: 100-continue\r\nContent-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
        "Content-Length: 99999999999999\r\n", "Connection: keep-alive\r\n", "Range: bytes=1-2\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n", "Accept-Encoding: gzip, br\r\n"}) {
    INFO(more);
    const auto answer =
        talk(server->address(), "GET /hello HTTP/1.1\r\nHost: x\r\n" + more + "\r\n");
    CHECK_THAT(answer, StartsWith("HTTP/1.1 200 ") && EndsWith("hello\n"));
  }
  const std::string one = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto answer = talk(server->address(), one + one + one);
  CHECK(answer.find("hello\n") == answer.rfind("hello\n"));
}

TEST_CASE("pages are served on a port that was picked") {
  const auto server = serve("127.0.0.1:0");
  const auto address = server->address();
  CHECK_FALSE(address.ends_with(":0"));
  const auto answer = request(address, "GET", "/hello");
  CHECK_THAT(answer, StartsWith("HTTP/1.1 200 ") && EndsWith("\r\n\r\nhello\n"));
  CHECK_THAT(answer, Contains("Connection: close"));
  CHECK_THAT(request(address, "GET", "/hello?x=1"), StartsWith("HTTP/1.1 200 "));
  CHECK_THAT(request(address, "GET", "/ill"),
             StartsWith("HTTP/1.1 503 ") && EndsWith("\r\n\r\nill\n"));
}

TEST_CASE("HEAD has no body") {
  const auto server = serve("127.0.0.1:0");
  CHECK_THAT(request(server->address(), "HEAD", "/hello"),
             StartsWith("HTTP/1.1 200 ") && EndsWith("\r\n\r\n") && Contains("Content-Length: 6"));
}

TEST_CASE("other paths are 404, other methods 405") {
  const auto server = serve("127.0.0.1:0");
  CHECK_THAT(request(server->address(), "GET", "/none"), StartsWith("HTTP/1.1 404 "));
  for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    INFO(method);
    CHECK_THAT(request(server->address(), method, "/hello"), StartsWith("HTTP/1.1 405 "));
  }
}

TEST_CASE("what is no HTTP ends the connection, not the server") {
  const auto server = serve("127.0.0.1:0");
  CHECK_THAT(talk(server->address(), "nonsense\r\n\r\n"), !Contains(" 200 "));
  CHECK_THAT(talk(server->address(), "GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n\r\n"),
             !Contains(" 200 "));
  CHECK_THAT(request(server->address(), "GET", "/hello"), StartsWith("HTTP/1.1 200 "));
}

TEST_CASE("a port that is taken is an error with the address") {
  const auto server = serve("127.0.0.1:0");
  const auto taken = *parse_listen_address(server->address());
  const auto second = serve_http(taken, pages);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().kind() == ErrorKind::busy);
  CHECK(second.error().message() ==
        "http: cannot listen on " + server->address() + ": Address already in use");
  CHECK_FALSE(can_listen(taken).ok());
  CHECK(can_listen({"127.0.0.1", 0}).ok());
}

TEST_CASE("an address that is not ours is an error") {
  for (const auto* host : {"192.0.2.1", "name.invalid"}) {
    const auto server = serve_http({host, 0}, pages);
    REQUIRE_FALSE(server.ok());
    CHECK_THAT(server.error().message(),
               StartsWith(std::string("http: cannot listen on ") + host + ":0: "));
  }
}

TEST_CASE("IPv6 has its brackets") {
  if (!can_listen({"::1", 0}).ok()) {
    WARN("this machine has no IPv6 loopback");
    return;
  }
  CHECK_THAT(serve("[::1]:0")->address(), StartsWith("[::1]:"));
}

TEST_CASE("a server can be ended at once, and its port is free again") {
  for (int i = 0; i < 20; ++i) {
    const auto where = *parse_listen_address(serve("127.0.0.1:0")->address());
    CHECK(can_listen(where).ok());
  }
}
