// The console's files, as they stand in the program.
#pragma once

#include <span>
#include <string_view>

namespace postern::console {

struct Asset {
  std::string_view path = {};  // "/index.html"
  std::string_view content_type = {};
  std::string_view body = {};
};

std::span<const Asset> assets();

}  // namespace postern::console
