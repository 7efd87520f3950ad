#include "control/notify/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "control/notify/built_in_templates.h"
#include "control/notify/happenings.h"

namespace postern::notify {
namespace {

constexpr std::string_view kOpen = "{{", kClose = "}}";

// Calls `literal(text)` and `placeholder(name)` in turn.
template <typename Literal, typename Name>
void for_each_piece(std::string_view text, Literal literal, Name placeholder) {
  while (true) {
    const size_t open = text.find(kOpen);
    const size_t close = open == text.npos ? text.npos : text.find(kClose, open);
    literal(text.substr(0, close == text.npos ? text.npos : open));
    if (close == text.npos) return;
    std::string_view name = text.substr(open + kOpen.size(), close - open - kOpen.size());
    const size_t first = std::min(name.find_first_not_of(' '), name.size());
    name = name.substr(first, name.find_last_not_of(' ') + 1 - first);
    placeholder(name);
    text.remove_prefix(close + kClose.size());
  }
}

bool is_known(std::string_view name) {
  return std::ranges::find(kPlaceholders, name, &Placeholder::name) != kPlaceholders.end();
}

// Empty: all is well.
std::string mistake_in(std::string_view line) {
  std::string unknown;
  for_each_piece(
      line,
      [&](std::string_view text) {
        if (text.contains(kOpen) && unknown.empty()) unknown = "a {{ that no }} ends in its line";
      },
      [&](std::string_view name) {
        if (is_known(name) || !unknown.empty()) return;
        std::string names;
        for (const Placeholder& one : kPlaceholders)
          names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
        unknown = fmt::format("no placeholder is called '{}'; there are {}", name, names);
      });
  return unknown;
}

std::string filled(std::string_view text, const Values& values, bool* something_is_empty) {
  std::string out;
  for_each_piece(
      text, [&](std::string_view literal) { out += literal; },
      [&](std::string_view name) {
        const auto value = values.find(name);
        if (value != values.end()) out += value->second;
        if (value == values.end() || value->second.empty()) *something_is_empty = true;
      });
  return out;
}

}  // namespace

std::expected<Template, std::string> read_template(std::string_view text) {
  constexpr std::string_view kSubject = "Subject:";
  constexpr size_t kMostOctets = 64 << 10;
  if (text.size() > kMostOctets) return std::unexpected("1: longer than 64 KiB");
  Template out;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const std::string mistake = mistake_in(line); !mistake.empty())
      return std::unexpected(fmt::format("{}: {}", number, mistake));
    if (number == 1) {
      if (!line.starts_with(kSubject))
        return std::unexpected("1: the first line must be \"Subject: …\"");
      line.remove_prefix(kSubject.size());
      out.subject = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    } else if (number == 2) {
      if (!line.empty()) return std::unexpected("2: an empty line must follow the subject");
    } else {
      out.body += fmt::format("{}\n", line);
    }
  }
  if (out.subject.empty()) return std::unexpected("1: the first line must be \"Subject: …\"");
  if (out.body.empty()) return std::unexpected("3: there is no text behind the subject");
  return out;
}

FilledTemplate fill(const Template& from, const Values& values) {
  FilledTemplate out;
  bool unused = false;
  out.subject = filled(from.subject, values, &unused);
  std::string_view rest = from.body;
  while (!rest.empty()) {
    const size_t end = rest.find("\n\n");
    const std::string_view paragraph = rest.substr(0, end == rest.npos ? rest.size() : end + 1);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 2);
    bool something_is_empty = false;
    const std::string text = filled(paragraph, values, &something_is_empty);
    if (something_is_empty) continue;
    out.body += fmt::format("{}{}", out.body.empty() ? "" : "\n", text);
  }
  return out;
}

Templates::Templates() {
  for (const BuiltInTemplate& one : kBuiltInTemplates)
    by_name_.emplace(one.what, read_template(one.text).value());
}

std::expected<Templates, std::string> Templates::open(const std::filesystem::path& directory) {
  Templates out;
  std::string mistakes;
  const auto mistake = [&](const std::filesystem::path& file, std::string_view what) {
    mistakes += fmt::format("{}{}:{}", mistakes.empty() ? "" : "\n", file.string(), what);
  };
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) {
    return std::unexpected(fmt::format(
        "cannot read the templates in {}: {}; notify.templates must name a folder, or nothing",
        directory.string(), error.message()));
  }
  std::vector<std::filesystem::path> found;
  for (const auto& entry : files) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path());
  }
  std::ranges::sort(found);
  for (const std::filesystem::path& path : found) {
    const std::string stem = path.stem().string();
    const size_t dot = stem.find('.');
    if (dot == stem.npos || find_happening(stem.substr(0, dot)) == nullptr) {
      std::string names;
      for (const HappeningKind& kind : kHappenings)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.what);
      mistake(path, fmt::format(" a template is called WHAT.LANGUAGE.txt, where WHAT is one of {}",
                                names));
      continue;
    }
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
      mistake(path, " cannot be read");
      continue;
    }
    if (auto read = read_template(text); read) {
      read->language = stem.substr(dot + 1);
      out.by_name_.insert_or_assign(stem, std::move(*read));
    } else {
      mistake(path, read.error());
    }
  }
  if (!mistakes.empty()) return std::unexpected(mistakes);
  return out;
}

const Template& Templates::find(std::string_view what, std::string_view language) const {
  const std::string_view primary = language.substr(0, language.find('-'));
  for (const std::string_view tried : {language, primary, std::string_view("en")}) {
    const auto found = by_name_.find(fmt::format("{}.{}", what, tried));
    if (found != by_name_.end()) return found->second;
  }
  const auto built_in = by_name_.find(what);
  return built_in != by_name_.end() ? built_in->second : by_name_.find("closed")->second;
}

}  // namespace postern::notify
