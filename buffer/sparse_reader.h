#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"

namespace punchline {

/// Reads a file that may have many holes, for what its data cost.
///
/// A read across a hole costs as much as one of data: the kernel makes pages of zeroes and copies
/// them. So once a whole block of NULs has been met, the next reads ask where the data are
/// (lseek(2)), announce them all (posix_fadvise(2) WILLNEED), read them alone and fill in the NULs;
/// a read that meets no hole ends that. Where there are no holes it is one pread(2), as before.
///
/// A hole is believed only between data, and only if its first byte reads NUL: what is at the end
/// of the file, and a filesystem that tells of holes where data are, is read plainly. What is
/// returned is what pread(2) could have returned at some moment of the call, provided that nobody
/// writes into holes but at the end. Not thread-safe. Errors: `io`.
class SparseReader {
 public:
  /// As Descriptor::read_at().
  Result<std::size_t> read_at(const Descriptor& file, Offset from, std::span<char> into);

 private:
  Result<std::size_t> read_segments(const Descriptor& file, Offset from, std::span<char> into);
  void be_sparse(const Descriptor& file, bool sparse);

  bool sparse_ = false;
};

}  // namespace punchline
