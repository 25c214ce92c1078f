#include "tests/support/memory_image.h"

#include <algorithm>
#include <cstring>

namespace punchline::testing {
namespace {

std::uint64_t page_of(std::uint64_t offset) {
  return offset / MemoryImage::kPageBytes;
}

/// Calls visit(page, range of offsets in that page) for each page that `offsets` touches.
template <class Visit>
void each_page(IndexRange offsets, Visit visit) {
  while (!offsets.empty()) {
    const auto page = page_of(offsets.begin);
    const auto end = std::min(offsets.end, (page + 1) * MemoryImage::kPageBytes);
    visit(page, IndexRange{offsets.begin, end});
    offsets.begin = end;
  }
}

}  // namespace

void MemoryImage::put(std::uint64_t offset, std::string_view text) {
  each_page({offset, offset + text.size()}, [&](std::uint64_t page, IndexRange part) {
    std::memcpy(pages[page].data() + part.begin % kPageBytes, text.data() + (part.begin - offset),
                part.size());
  });
}

void MemoryImage::zero(IndexRange offsets) {
  const auto first = page_of(offsets.begin + kPageBytes - 1);
  const auto end = page_of(offsets.end);
  if (first < end) pages.erase(pages.lower_bound(first), pages.lower_bound(end));
  const auto clear = [&](std::uint64_t page, IndexRange part) {
    const auto found = pages.find(page);
    if (found == pages.end()) return;
    std::memset(found->second.data() + part.begin % kPageBytes, 0, part.size());
  };
  // The edges; in between there is nothing left to clear, and it may be terabytes.
  each_page({offsets.begin, std::min(offsets.end, (page_of(offsets.begin) + 1) * kPageBytes)},
            clear);
  each_page({std::max(offsets.begin, page_of(offsets.end) * kPageBytes), offsets.end}, clear);
}

void MemoryImage::resize(std::uint64_t to) {
  if (to < size) {
    zero({to, (page_of(to) + 1) * kPageBytes});
    pages.erase(pages.lower_bound(page_of(to + kPageBytes - 1)), pages.end());
  }
  size = to;
}

bool MemoryImage::shift(IndexRange hole, std::uint64_t pages_max) {
  auto at = pages.lower_bound(page_of(hole.end));
  for (; at != pages.end() && pages_max > 0; --pages_max) {
    pages[at->first - hole.size() / kPageBytes] = at->second;
    at = pages.erase(at);
  }
  return at == pages.end();
}

std::uint64_t MemoryImage::data_from(std::uint64_t offset) const {
  const auto found = pages.lower_bound(page_of(offset));
  if (found == pages.end()) return size;
  return std::min(size, std::max(offset, found->first * kPageBytes));
}

std::uint64_t MemoryImage::hole_from(std::uint64_t offset) const {
  auto page = page_of(offset);
  if (pages.count(page) == 0) return offset;
  while (pages.count(page) > 0) {
    ++page;
  }
  return std::min(size, page * kPageBytes);
}

void MemoryImage::read(std::uint64_t offset, char* into, std::uint64_t bytes) const {
  each_page({offset, offset + bytes}, [&](std::uint64_t page, IndexRange part) {
    char* target = into + (part.begin - offset);
    const auto found = pages.find(page);
    if (found == pages.end()) {
      std::memset(target, 0, part.size());
    } else {
      std::memcpy(target, found->second.data() + part.begin % kPageBytes, part.size());
    }
  });
}

std::string MemoryImage::text() const {
  std::string all(size, '\0');
  for (const auto& [number, page] : pages) {
    const auto begin = number * kPageBytes;
    if (begin < size) {
      std::memcpy(all.data() + begin, page.data(), std::min(kPageBytes, size - begin));
    }
  }
  return all;
}

}  // namespace punchline::testing
