// A producer that is not ours: appends the lines of its standard input to the file it is given, all
// those that one read has completed in one write(2) with O_APPEND. Tests kill it in mid-write.

#include <array>
#include <string>

#include <fcntl.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count != 2) return 64;
  const int file = ::open(arguments[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return 73;
  std::array<char, 65536> part;
  std::string text;
  ssize_t got = 0;
  while ((got = ::read(STDIN_FILENO, part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
    const auto newline = text.rfind('\n');
    if (newline == std::string::npos) continue;
    if (::write(file, text.data(), newline + 1) != static_cast<ssize_t>(newline + 1)) return 74;
    text.erase(0, newline + 1);
  }
  return got == 0 ? 0 : 74;
}
