#include "agent/http.h"

#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace punchline;
using namespace Catch::Matchers;

namespace {

std::optional<Page> pages(std::string_view path) {
  if (path == "/hello") return Page{.body = "hello\n"};
  if (path == "/ill") return Page{.status = 503, .body = "ill\n"};
  return std::nullopt;
}

std::unique_ptr<HttpServer> serve(const char* where) {
  auto server = serve_http(*parse_listen_address(where), pages);
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

}  // namespace

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
