// Messages in files and folders, for the commands that read many of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace postern::cli {

// What cannot be judged, and why, as a sentence that begins with the file's name.
using Unreadable = std::vector<std::string>;

// The files in a folder and in those below it, in the order of their names; a file is its own.
// Names that begin with '.' are left out: mail stores keep their books in them.
std::vector<std::filesystem::path> find_mail(const std::filesystem::path& folder,
                                             Unreadable& unreadable);

struct FoundMessage {
  std::vector<uint8_t> octets;
  uint32_t number = 0;  // from 1, of several in a file; else 0
};

// The messages of a file, which may be an mbox. What is no message is told.
std::vector<FoundMessage> read_mail(const std::filesystem::path& file, Unreadable& unreadable);

// The file's name, with the message's number where there are several.
std::string name_of_message(const std::filesystem::path& file, uint32_t number);

// The first of them on standard error, by name; `others` says where the rest are.
void name_unreadable(const Unreadable& unreadable, std::string_view others);

}  // namespace postern::cli
