#include "agent/show/http.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/show/listen_socket.h"

namespace punchline {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned kHeadBytesMax = 16 * 1024;     // of a request; more is refused
constexpr std::size_t kAcceptedAtOnceMax = 8;     // then those are served
constexpr int kServingRounds = 3;                 // read, answer, close
constexpr milliseconds kNoDescriptorsPause{100};  // others may give some back

struct Answer {
  unsigned status = MHD_HTTP_OK;
  std::string body;
  std::string content_type = "text/plain";
  bool is_method_refused = false;
};

Answer answer_to(const HttpServer::Pages& pages, std::string_view method, std::string_view path) {
  if (method != "GET" && method != "HEAD") {
    return {MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "text/plain", true};
  }
  auto page = pages(path);
  if (!page) return {MHD_HTTP_NOT_FOUND, "no such page\n"};
  return {static_cast<unsigned>(page->status), std::move(page->body), page->content_type};
}

class Server final : public HttpServer {
 public:
  Server(ListenSocket listening, Pages pages, Limits limits)
      : listening_(std::move(listening)), pages_(std::move(pages)), limits_(limits) {}

  ~Server() override {
    stopping_ = true;
    if (wake_ >= 0) ::eventfd_write(wake_, 1);
    if (thread_.joinable()) thread_.join();
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
    if (wake_ >= 0) ::close(wake_);
  }

  Status start() {
    wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_ < 0) return Error::from_errno(errno, "http: eventfd");
    // The daemon serves the sockets that we accept, and waits for nothing by itself.
    daemon_ = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL, 0, nullptr, nullptr, &Server::handle, this,
        MHD_OPTION_NOTIFY_CONNECTION, &Server::note, this, MHD_OPTION_CONNECTION_LIMIT,
        static_cast<unsigned>(2 * limits_.clients_max + 1), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        std::size_t{kHeadBytesMax}, MHD_OPTION_END);
    if (daemon_ == nullptr) return Error::from_errno(errno, "http: start");
    try {
      thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error& error) {
      return Error(ErrorKind::io, error.code().value(), "http: start a thread");
    }
    return {};
  }

  std::string address() const override { return format_address(listening_.address); }

 private:
  struct Client {
    MHD_Connection* connection;
    int socket;
    Clock::time_point since;
    std::size_t body_bytes = 0;
    bool cut_off = false;  // libmicrohttpd has not noticed yet
  };

  void serve() {
    const auto* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD);
    while (!stopping_) {
      const auto now = Clock::now();
      const auto due = accept_due();
      const bool accepts = now >= due;
      std::array<pollfd, 3> waited = {{{wake_, POLLIN, 0},
                                       {info->epoll_fd, POLLIN, 0},
                                       {accepts ? listening_.socket.fd() : -1, POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), wait_ms(now, due));
      if (waited[2].revents != 0) accept_some();
      cut_off_overdue();
      for (int round = 0; round < kServingRounds; ++round)
        MHD_run(daemon_);
    }
  }

  /// How long to wait: until `accept_due` if that is yet to come, until libmicrohttpd has something
  /// to do, or until the oldest client is overdue.
  int wait_ms(Clock::time_point now, Clock::time_point accept_due) const {
    milliseconds wait = std::chrono::hours(1);
    MHD_UNSIGNED_LONG_LONG asked = 0;
    if (MHD_get_timeout(daemon_, &asked) == MHD_YES) wait = std::min(wait, milliseconds(asked));
    const auto until = [&](Clock::time_point when) {
      wait = std::min(wait, std::max(std::chrono::ceil<milliseconds>(when - now), milliseconds(0)));
    };
    if (accept_due > now) until(accept_due);
    if (const auto* client = oldest()) until(client->since + limits_.client_time);
    return static_cast<int>(wait.count());
  }

  /// When there is room for the next client.
  Clock::time_point accept_due() const {
    const auto* client = oldest();
    if (client == nullptr || staying() < limits_.clients_max) return no_descriptors_until_;
    return std::max(no_descriptors_until_, client->since + limits_.grace_time);
  }

  void accept_some() {
    for (std::size_t i = 0; i < kAcceptedAtOnceMax && Clock::now() >= accept_due(); ++i) {
      const int socket =
          ::accept4(listening_.socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      const bool none_left =
          socket < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
      if (none_left) no_descriptors_until_ = Clock::now() + kNoDescriptorsPause;
      if (none_left || (socket >= 0 && staying() >= limits_.clients_max)) cut_off_oldest();
      if (socket < 0) return;
      MHD_add_connection(daemon_, socket, nullptr, 0);  // it closes what it does not take
    }
  }

  std::size_t staying() const {
    return static_cast<std::size_t>(std::count_if(
        clients_.begin(), clients_.end(), [](const Client& client) { return !client.cut_off; }));
  }

  // Clients are kept in the order in which they came.
  const Client* oldest() const {
    const auto found = std::find_if(clients_.begin(), clients_.end(),
                                    [](const Client& client) { return !client.cut_off; });
    return found == clients_.end() ? nullptr : &*found;
  }

  void cut_off_oldest() {
    if (const auto* client = oldest()) cut_off(*find(client->connection));
  }

  void cut_off_overdue() {
    const auto now = Clock::now();
    for (auto& client : clients_)
      if (!client.cut_off && now >= client.since + limits_.client_time) cut_off(client);
  }

  static void cut_off(Client& client) {
    ::shutdown(client.socket, SHUT_RDWR);
    client.cut_off = true;
  }

  Client* find(MHD_Connection* connection) {
    const auto found =
        std::find_if(clients_.begin(), clients_.end(), [connection](const Client& client) {
          return client.connection == connection;
        });
    return found == clients_.end() ? nullptr : &*found;
  }

  /// Cuts off the oldest clients while more than bodies_bytes_max of pages have not been read yet.
  void make_room_for(Client& client, std::size_t body_bytes) {
    client.body_bytes = body_bytes;
    std::size_t waiting = 0;
    for (auto each = clients_.rbegin(); each != clients_.rend(); ++each) {
      if (!each->cut_off) waiting += each->body_bytes;
      if (waiting > limits_.bodies_bytes_max && &*each != &client) cut_off(*each);
    }
  }

  // Called by libmicrohttpd, within MHD_run() or MHD_add_connection().
  static void note(void* self, MHD_Connection* connection, void** /*context*/,
                   MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<Server*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
      server.clients_.push_back({connection, info->connect_fd, Clock::now()});
    } else {
      std::erase_if(server.clients_,
                    [connection](const Client& each) { return each.connection == connection; });
    }
  }

  // Answers as soon as the head of a request is there. A body is not read.
  static MHD_Result handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char* /*version*/, const char* /*upload*/,
                           std::size_t* /*upload_bytes*/, void** /*context*/) {
    auto& server = *static_cast<Server*>(self);
    auto answer = answer_to(server.pages_, method, url);
    if (auto* client = server.find(connection)) server.make_room_for(*client, answer.body.size());
    auto* response = MHD_create_response_from_buffer(answer.body.size(), answer.body.data(),
                                                     MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
    MHD_add_response_header(response, "Connection", "close");
    if (answer.is_method_refused) MHD_add_response_header(response, "Allow", "GET, HEAD");
    const auto queued = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return queued;
  }

  ListenSocket listening_;
  Pages pages_;
  const Limits limits_;
  int wake_ = -1;
  MHD_Daemon* daemon_ = nullptr;
  std::atomic<bool> stopping_{false};
  // Used by the thread alone, as long as it runs.
  std::vector<Client> clients_;
  Clock::time_point no_descriptors_until_{};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen, HttpServer::Pages pages,
                                               HttpServer::Limits limits) {
  auto listening = listen_on(listen);
  if (!listening) return listening.error();
  auto server = std::make_unique<Server>(std::move(*listening), std::move(pages), limits);
  if (const auto started = server->start(); !started) return started.error();
  return std::unique_ptr<HttpServer>(std::move(server));
}

Result<std::unique_ptr<HttpServer>> serve_http(const ListenAddress& listen,
                                               HttpServer::Pages pages) {
  return serve_http(listen, std::move(pages), HttpServer::Limits());
}

Status can_listen(const ListenAddress& listen) {
  const auto listening = listen_on(listen);
  if (!listening) return listening.error();
  return {};
}

}  // namespace punchline
