#include "dataplane/scan/addresses.h"

#include <algorithm>

namespace postern::scan {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Past the quoted string that begins at `i`; `i + 1` when it is never closed.
size_t skip_quoted(std::string_view text, size_t i) {
  for (size_t j = i + 1; j < text.size(); ++j) {
    if (text[j] == '\\') {
      ++j;
    } else if (text[j] == '"') {
      return j + 1;
    }
  }
  return i + 1;
}

size_t skip_comment(std::string_view text, size_t i) {
  for (size_t j = i + 1; j < text.size(); ++j) {
    if (text[j] == '\\') {
      ++j;
    } else if (text[j] == ')') {
      return j + 1;
    }
  }
  return i + 1;
}

// local@domain at the start of `text`; the length, or 0.
size_t address_length(std::string_view text) {
  constexpr std::string_view kNotLocal = "@<>()[],:; \t\r\n\v\f";
  constexpr std::string_view kNotDomain = "\"<>()[],:; \t\r\n\v\f";
  size_t at = 0;
  if (text.starts_with('"')) {
    at = skip_quoted(text, 0);
    if (at == 1) return 0;
    // "peter"17@host is one name.
    at = std::min(text.find_first_of(kNotLocal, at), text.size());
  } else {
    at = std::min(text.find_first_of(kNotLocal), text.size());
  }
  if (at == 0 || at >= text.size() || text[at] != '@') return 0;
  const size_t domain = at + 1;
  size_t end = std::min(text.find_first_of(kNotDomain, domain), text.size());
  if (end == domain && end < text.size() && text[end] == '[') {
    end = text.find_first_not_of("0123456789.:", domain + 1);
    if (end == std::string_view::npos || end == domain + 1 || text[end] != ']') return 0;
    ++end;
  }
  return end > domain ? end : 0;
}

// The whole of `text` is an address. A second "@" is cut off with what follows it.
std::string_view whole_address(std::string_view text) {
  text = trim(text);
  if (text.empty() || address_length(text) != text.size()) return {};
  if (text.starts_with("\"\"@") || std::ranges::count(text, '"') == 1) return {};
  if (!text.starts_with('"')) {
    const size_t second = text.find('@', text.find('@') + 1);
    text = text.substr(0, second);
  }
  return text;
}

// Where the mailbox that begins at 0 ends: at a comma or semicolon outside quotes and comments.
size_t mailbox_end(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      i = skip_quoted(text, i);
    } else if (text[i] == '(') {
      i = skip_comment(text, i);
    } else if (text[i] == ',' || text[i] == ';') {
      return i;
    } else {
      ++i;
    }
  }
  return text.size();
}

size_t find_open_angle(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      i = skip_quoted(text, i);
    } else if (text[i] == '<') {
      return i;
    } else {
      ++i;
    }
  }
  return std::string_view::npos;
}

Mailbox read_mailbox(std::string_view text) {
  Mailbox out;
  const size_t open = find_open_angle(text);
  std::string_view after;
  if (open != std::string_view::npos) {
    const size_t close = std::min(text.find('>', open), text.size());
    out.address = whole_address(text.substr(open + 1, close - open - 1));
    out.phrase = trim(text.substr(0, open));
    after = text.substr(std::min(close + 1, text.size()));
  } else {
    // "user@host (Name)", or a phrase alone.
    const size_t length = address_length(text);
    out.address = whole_address(text.substr(0, length));
    if (out.address.empty()) {
      out.phrase = trim(text);
    } else {
      after = text.substr(length);
    }
  }
  if (out.phrase == out.address) out.phrase = {};
  after = trim(after);
  if (out.phrase.empty() && after.starts_with('(')) {
    const size_t end = skip_comment(after, 0);
    if (end > 1) out.phrase = trim(after.substr(1, end - 2));
  }
  if (out.address.empty()) {
    // A display name that is the address: "user@host" in quotes, with nothing in the angles.
    std::string_view bare = out.phrase;
    if (bare.size() >= 2 && bare.front() == '"' && bare.back() == '"')
      bare = bare.substr(1, bare.size() - 2);
    const std::string_view address = whole_address(bare);
    if (!address.empty() && address.find('.', address.rfind('@')) != std::string_view::npos) {
      out.address = address;
      out.phrase = {};
    }
  }
  return out;
}

}  // namespace

MailboxReader::MailboxReader(std::string_view value) : rest_(trim(value)) {
  // "Group name: a@b, c@d;"
  const size_t colon = rest_.find(':');
  if (colon != std::string_view::npos && rest_.find_first_of("\"()<>@") > colon) {
    rest_ = trim(rest_.substr(colon + 1));
  }
}

std::optional<Mailbox> MailboxReader::next() {
  while (!rest_.empty()) {
    const size_t end = mailbox_end(rest_);
    const Mailbox mailbox = read_mailbox(trim(rest_.substr(0, end)));
    rest_ = trim(rest_.substr(std::min(end + 1, rest_.size())));
    if (!mailbox.address.empty() || !mailbox.phrase.empty()) return mailbox;
  }
  return std::nullopt;
}

std::string_view unquoted_phrase(std::string_view phrase, std::span<char> out) {
  size_t made = 0;
  const auto put = [&](char c) {
    if (made < out.size()) out[made++] = c;
  };
  for (size_t i = 0; i < phrase.size();) {
    if (phrase[i] == '"') {
      const size_t end = skip_quoted(phrase, i);
      for (size_t j = i + 1; j + 1 < end; ++j) {
        if (phrase[j] == '\\' && j + 2 < end) ++j;
        put(phrase[j]);
      }
      i = end;
    } else if (phrase[i] == '(' && skip_comment(phrase, i) > i + 1) {
      i = skip_comment(phrase, i);
    } else {
      put(phrase[i++]);
    }
  }
  return {out.data(), made};
}

std::string_view tidy_phrase(std::string_view phrase, std::span<char> out) {
  phrase = trim(phrase);
  if (phrase.size() >= 2 && phrase.front() == '\'' && phrase.back() == '\'') {
    phrase = phrase.substr(1, phrase.size() - 2);
  }
  size_t made = 0;
  for (char c : phrase) {
    if (is_blank(c)) {
      if (made > 0 && out[made - 1] == ' ') continue;
      c = ' ';
    }
    if (made < out.size()) out[made++] = c;
  }
  return {out.data(), made};
}

}  // namespace postern::scan
