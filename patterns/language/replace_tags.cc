#include "patterns/language/replace_tags.h"

#include <vector>

namespace postern::language {
namespace {

constexpr int kPasses = 6;
// An expression that tags within tags blow up is left as it has become.
constexpr size_t kLongestExpression = 256 * 1024;

struct Span {
  size_t begin = std::string::npos;
  size_t end = 0;  // behind the last character
  bool found() const { return begin != std::string::npos; }
};

// `open`, at least one character that is no line end, `close`: the shortest from the first that
// has any. The strings are included.
Span find_tag(std::string_view text, std::string_view open, std::string_view close, size_t from) {
  for (size_t begin = text.find(open, from); begin != text.npos;
       begin = text.find(open, begin + 1)) {
    const size_t inside = begin + open.size();
    const size_t end = inside < text.size() ? text.find(close, inside + 1) : text.npos;
    if (end == text.npos) return {};
    if (text.substr(inside, end - inside).find('\n') == text.npos)
      return {begin, end + close.size()};
  }
  return {};
}

// Takes "<pre NAME>" out of the expression; empty when there is none.
std::string take_modifier(std::string& expression, std::string_view open, std::string_view close) {
  const Span span = find_tag(expression, open, close, 0);
  if (!span.found()) return {};
  const std::string name = expression.substr(span.begin + open.size(),
                                             span.end - span.begin - open.size() - close.size());
  expression.erase(span.begin, span.end - span.begin);
  return name;
}

// The texts between what looks like "<…>", and those themselves, in order: between two that touch
// stands an empty text. As Perl's split() does it, empty texts at the end are left out.
std::vector<std::string> split_at_tags(std::string_view expression) {
  std::vector<std::string> out;
  size_t from = 0;
  for (size_t at = 0; at < expression.size();) {
    const size_t end = expression[at] == '<' ? expression.find_first_of("<>", at + 1) : at;
    if (end != at && end != expression.npos && expression[end] == '>' && end > at + 1) {
      out.emplace_back(expression.substr(from, at - from));
      out.emplace_back(expression.substr(at, end + 1 - at));
      from = at = end + 1;
    } else {
      ++at;
    }
  }
  out.emplace_back(expression.substr(from));
  while (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

// Empty when there is no such piece.
std::string_view piece(const ReplaceTags::Pieces& pieces, std::string_view name) {
  const auto found = pieces.find(name);
  // To Perl "0" is as good as nothing.
  return found == pieces.end() || found->second == "0" ? std::string_view() : found->second;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

std::string ReplaceTags::expand(std::string_view expression) const {
  std::string out(expression);
  bool again = true;
  for (int pass = 0; pass < kPasses && again && out.size() < kLongestExpression; ++pass) {
    again = false;
    const auto before = piece(pre, take_modifier(out, start + "pre ", end));
    const auto behind = piece(post, take_modifier(out, start + "post ", end));
    const auto between = piece(inter, take_modifier(out, start + "inter ", end));
    // In SpamAssassin the expression begins with its flags: never with a tag.
    auto texts = split_at_tags("\1" + out);
    if (!texts.empty()) texts.front().erase(0, 1);
    for (size_t i = 0; i < texts.size(); ++i) {
      std::string& text = texts[i];
      if (const Span tag = find_tag(text, start, end, 0); tag.found())
        text.insert(tag.begin, before);
      for (Span tag = find_tag(text, start, end, 0); tag.found() && !behind.empty();
           tag = find_tag(text, start, end, tag.end + behind.size())) {
        text.insert(tag.end, behind);
      }
      if (i > 0 && text.empty()) text = between;
      const Span tag = find_tag(text, start, end, 0);
      if (!tag.found()) continue;
      const std::string whole = text.substr(tag.begin, tag.end - tag.begin);
      const auto replacement = piece(
          tags,
          std::string_view(whole).substr(start.size(), whole.size() - start.size() - end.size()));
      if (replacement.empty()) continue;
      const std::string by(replacement);
      replace_all(text, whole, by);
      again = again || find_tag(by, "<", ">", 0).found();
    }
    out.clear();
    for (const std::string& text : texts) out += text;
  }
  return out;
}

}  // namespace postern::language
