#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "tests/contract/subject.h"

namespace punchline::testing {
namespace {

std::vector<Place> find_places() {
  std::vector<Place> found{memory_place()};
  found.push_back(folder_place("temporary folder", std::filesystem::temp_directory_path()));
  if (::access("/dev/shm", W_OK) == 0) {
    found.push_back(folder_place("/dev/shm", "/dev/shm"));
  } else {
    std::cerr << "left out: /dev/shm cannot be written\n";
  }
  return found;
}

}  // namespace

const std::vector<Place>& places() {
  static const auto found = find_places();
  return found;
}

}  // namespace punchline::testing
