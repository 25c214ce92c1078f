#pragma once

#include "agent/config/listen_address.h"
#include "buffer/base/result.h"
#include "buffer/descriptor.h"

namespace punchline {

/// A socket that listens, and its address, with the port that was picked if 0 was asked for.
struct ListenSocket {
  Descriptor socket;  ///< Does not block.
  ListenAddress address;
};

/// Looks the host up (getaddrinfo(3), which may wait), binds and listens. Errors: `busy` if the
/// address is taken or not ours; the text names it and says why.
Result<ListenSocket> listen_on(const ListenAddress& wanted);

}  // namespace punchline
