#include "tests/support/fs_mounts.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace punchline::testing {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string quoted(const std::string& path) {
  return "'" + path + "'";  // ours: mkdtemp's letters below the temporary folder
}

}  // namespace

FsMounts::FsMounts() {
  auto name = (std::filesystem::temp_directory_path() / "punchline-mounts-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    why_ = "no temporary folder: " + std::string(std::strerror(errno));
    return;
  }
  base_ = name;
  if (enter_namespace()) return;
  ::rmdir(base_.c_str());
  base_.clear();
}

FsMounts::~FsMounts() {
  if (base_.empty()) return;
  for (auto folder = mounted_.rbegin(); folder != mounted_.rend(); ++folder) {
    ::umount2(folder->c_str(), MNT_DETACH);
  }
  ::umount2(base_.c_str(), MNT_DETACH);
  ::rmdir(base_.c_str());
}

bool FsMounts::enter_namespace() {
  const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("none", base_.c_str(), "tmpfs", 0, "size=8g") == 0;
  if (!mounted) why_ = "no mount namespace of our own: " + std::string(std::strerror(errno));
  return mounted;
}

std::string FsMounts::new_folder(std::string_view name) {
  auto folder = base_ + "/" + std::string(name) + "-" + std::to_string(mounted_.size());
  ::mkdir(folder.c_str(), 0755);
  return folder;
}

bool FsMounts::sh(const std::string& command) {
  const auto log = base_ + "/log";
  const auto line = "PATH=\"$PATH:/usr/sbin:/sbin\"; (" + command + ") >" + quoted(log) + " 2>&1";
  if (std::system(line.c_str()) == 0) return true;
  why_ = command + ": " + text_of(log);
  return false;
}

std::string FsMounts::mount(const std::string& type, std::uint64_t bytes,
                            const std::string& options) {
  if (base_.empty()) return {};
  const auto folder = new_folder(type);
  if (type == "tmpfs") {
    const auto size = "size=" + std::to_string(bytes) + (options.empty() ? "" : "," + options);
    if (!sh("mount -t tmpfs -o " + size + " none " + quoted(folder))) return {};
    mounted_.push_back(folder);
    return folder;
  }
  const auto image = folder + ".image";
  std::ofstream(image).close();
  std::filesystem::resize_file(image, bytes);
  const std::string force = type == "ext4" ? " -q -F " : " -q -f ";
  if (!sh("mkfs." + type + force + options + " " + quoted(image))) return {};
  if (!sh("mount -t " + type + " -o loop " + quoted(image) + " " + quoted(folder))) return {};
  mounted_.push_back(folder);
  return folder;
}

std::string FsMounts::mount_qgroup(std::uint64_t limit_bytes) {
  const auto top = mount("btrfs", std::max<std::uint64_t>(512 << 20, 4 * limit_bytes));
  if (top.empty()) return {};
  const auto folder = top + "/subvolume";
  if (!sh("btrfs quota enable " + quoted(top) + " && btrfs subvolume create " + quoted(folder))) {
    return {};
  }
  return set_qgroup_limit(folder, limit_bytes) ? folder : "";
}

bool FsMounts::set_qgroup_limit(const std::string& folder, std::uint64_t limit_bytes) {
  return sh("btrfs qgroup limit " + std::to_string(limit_bytes) + " " + quoted(folder));
}

std::string FsMounts::mount_image(const std::string& type, const std::string& image,
                                  const std::string& options) {
  if (base_.empty()) return {};
  const auto folder = new_folder(type);
  const auto all = "loop" + (options.empty() ? "" : "," + options);
  if (!sh("mount -t " + type + " -o " + all + " " + quoted(image) + " " + quoted(folder))) {
    return {};
  }
  mounted_.push_back(folder);
  return folder;
}

bool FsMounts::unmount(const std::string& folder) {
  const auto at = std::find(mounted_.begin(), mounted_.end(), folder);
  if (at == mounted_.end() || !sh("umount " + quoted(folder))) return false;
  mounted_.erase(at);
  ::rmdir(folder.c_str());
  return true;
}

std::string FsMounts::mount_bindfs(const std::string& source) {
  if (base_.empty()) return {};
  const auto folder = new_folder("bindfs");
  if (!sh("bindfs " + quoted(source) + " " + quoted(folder))) return {};
  mounted_.push_back(folder);
  return folder;
}

bool FsMounts::mount_file(const std::string& inner, const std::string& name) {
  if (!sh("mount --bind " + quoted(inner) + " " + quoted(name))) return false;
  mounted_.push_back(name);
  return true;
}

std::string FsMounts::mount_overlay(const std::string& source) {
  if (base_.empty()) return {};
  const auto folder = new_folder("overlay");
  const auto part = [&](const char* name) {
    std::filesystem::create_directories(source + "/overlay/" + name);
    return std::string(name) + "dir=" + source + "/overlay/" + name;
  };
  const auto options = part("lower") + "," + part("upper") + "," + part("work");
  if (!sh("mount -t overlay -o " + quoted(options) + " none " + quoted(folder))) return {};
  mounted_.push_back(folder);
  return folder;
}

std::string FsMounts::mount_mergerfs(const std::string& source) {
  if (base_.empty()) return {};
  const auto folder = new_folder("mergerfs");
  const auto options = "-o xattr=passthrough,cache.files=off,minfreespace=0";
  if (!sh(std::string("mergerfs ") + options + " " + quoted(source) + " " + quoted(folder))) {
    return {};
  }
  mounted_.push_back(folder);
  return folder;
}

void fill_up(const std::string& path, std::uint64_t left) {
  const auto folder = std::filesystem::path(path).parent_path();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  for (std::size_t piece = 1 << 20; piece > 0; piece /= 2) {
    const std::string bytes(piece, 'f');
    while (std::filesystem::space(folder).free > left + (left > 0 ? piece : 0) || left == 0) {
      if (::write(fd, bytes.data(), bytes.size()) <= 0) break;
    }
    ::fsync(fd);  // settles what delayed allocation has reserved
  }
  ::close(fd);
}

}  // namespace punchline::testing
