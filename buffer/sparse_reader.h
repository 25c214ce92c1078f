#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"

namespace punchline {

/// Reads a file that may have many holes, at the cost of its data alone.
///
/// Reading a hole costs as much as reading data: the kernel makes pages of zeroes and copies them.
/// So after a read that met a whole block of NULs, the next reads ask where the data are
/// (lseek(2)), announce all of them (posix_fadvise(2) WILLNEED), read only them and fill in the
/// NULs. A read that meets no hole ends this. Without holes a read is one plain pread(2).
///
/// A hole is believed only between data, and only if its first byte reads NUL. The end of the file
/// is read plainly, and so is a filesystem that reports holes where there are data. The result is
/// one that pread(2) could have returned at some moment of the call, provided that nobody writes
/// into holes except at the end of the file. Not thread-safe. Errors: `io`.
class SparseReader {
 public:
  /// Same contract as Descriptor::read_at().
  Result<std::size_t> read_at(const Descriptor& file, Offset from, std::span<char> into);

 private:
  Result<std::size_t> read_segments(const Descriptor& file, Offset from, std::span<char> into);
  void be_sparse(const Descriptor& file, bool sparse);

  bool sparse_ = false;
};

}  // namespace punchline
