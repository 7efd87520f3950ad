#include "control/cli/signatures/mail_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <system_error>

#include "control/cli/table.h"
#include "dataplane/scan/message_file.h"

namespace postern::cli {
namespace {

using std::filesystem::path;

constexpr size_t kNamedUnreadable = 20;

bool is_hidden(const path& file) { return file.filename().string().starts_with('.'); }

}  // namespace

std::vector<path> find_mail(const path& folder, Unreadable& unreadable) {
  namespace fs = std::filesystem;
  std::vector<path> found;
  std::error_code code;
  const auto fail = [&](const path& at) {
    unreadable.push_back(fmt::format("{}: {}", at.string(), code.message()));
  };
  const fs::file_status status = fs::status(folder, code);
  if (code) {
    fail(folder);
  } else if (!fs::is_directory(status)) {
    found.push_back(folder);
  }
  if (code || !fs::is_directory(status)) return found;
  std::vector<path> folders{folder};
  while (!folders.empty()) {
    const path at = std::move(folders.back());
    folders.pop_back();
    auto entry = fs::directory_iterator(at, code);
    if (code) fail(at);
    while (!code && entry != fs::end(entry)) {
      const path name = entry->path();
      std::error_code of_entry;
      if (is_hidden(name)) {
        // Left out.
      } else if (entry->is_directory(of_entry)) {
        if (!entry->is_symlink(of_entry)) folders.push_back(name);  // it could lead back here
      } else if (entry->is_regular_file(of_entry)) {
        found.push_back(name);
      } else {
        unreadable.push_back(fmt::format("{}: is no file that can be read", name.string()));
      }
      entry.increment(code);
      if (code) fail(at);
    }
  }
  std::ranges::sort(found);
  return found;
}

std::vector<FoundMessage> read_mail(const path& file, Unreadable& unreadable) {
  std::vector<FoundMessage> found;
  auto messages = scan::read_messages(file);
  if (!messages) {
    unreadable.push_back(messages.error());
    return found;
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    auto& octets = (*messages)[i];
    const auto number = messages->size() == 1 ? 0 : static_cast<uint32_t>(i + 1);
    if (scan::begins_with_field(octets)) {
      found.push_back({std::move(octets), number});
      continue;
    }
    unreadable.push_back(
        fmt::format("{}: {}", name_of_message(file, number),
                    octets.empty() ? "is empty" : "does not begin with a header field"));
  }
  return found;
}

std::string name_of_message(const path& file, uint32_t number) {
  return number == 0 ? file.string() : fmt::format("{}:{}", file.string(), number);
}

void name_unreadable(const Unreadable& unreadable, std::string_view others) {
  const size_t named = std::min(unreadable.size(), kNamedUnreadable);
  for (size_t i = 0; i < named; ++i)
    fmt::print(stderr, "postern: {}\n", printable(unreadable[i], 1000));
  if (named < unreadable.size()) {
    fmt::print(stderr, "postern: … and {} more{}\n", unreadable.size() - named, others);
  }
}

}  // namespace postern::cli
