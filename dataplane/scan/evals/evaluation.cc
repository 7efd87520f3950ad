#include "dataplane/scan/evals/evaluation.h"

#include <algorithm>
#include <cstring>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/html_elements.h"

namespace postern::scan::evals {
namespace {

// Made once; a set's worth of them is the same for every set.
const Expressions& expressions() {
  static const Expressions made;
  return made;
}

// What a face may look like; other ones are no names of fonts.
const pcre2_code* good_face() {
  static const language::Pcre2Code code = [] {
    auto made = language::compile_pcre2(
        {R"(^\s*["'.]?[a-z ][a-z -]*[a-z]\d?["']?(?:,\s*["']?[a-z][a-z -]*[a-z]\d?["']?)*;?$)",
         language::kCaseless});
    return std::move(*made);
  }();
  return code.get();
}

}  // namespace

Evaluation::Evaluation() : search_(&expressions()) { good_face(); }

void Evaluation::begin(const EvalPlan* plan, Hits* hits) {
  plan_ = plan;
  hits_ = hits;
  if (plan_ == nullptr) return;
  mime_.begin();
  text_.begin();
  words_.begin();
  addresses_.begin();
  facts_.plan = plan_;
  facts_.free_mail = &plan_->free_mail();
  facts_.from_name.reset();
  facts_.body_bytes = facts_.longest_title = 0;
  facts_.stock_labels = 0;
  facts_.similar_recipients = -1;
  alternatives_ = 0;
  in_part_ = in_body_ = carriage_return_ = false;
  line_empty_ = true;
  stock_labels_ = 0;
}

void Evaluation::feed(std::span<const uint8_t> bytes) {
  if (!plan_->needs(kNeedsLength)) return;
  std::string_view text = mime::as_text(bytes.data(), bytes.size());
  while (!in_body_ && !text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!line.empty() && line != "\r") line_empty_ = false;
    if (end == text.size()) return;
    in_body_ = line_empty_;
    line_empty_ = true;
    text.remove_prefix(end + 1);
  }
  // Line ends count as one octet.
  facts_.body_bytes += text.size();
  for (const char* p = text.data(); p != nullptr && p < text.data() + text.size();) {
    const auto left = static_cast<size_t>(text.data() + text.size() - p);
    if (carriage_return_ && *p == '\n') --facts_.body_bytes;
    carriage_return_ = false;
    p = static_cast<const char*>(std::memchr(p, '\r', left));
    if (p == nullptr) break;
    carriage_return_ = true;
    ++p;
  }
}

void Evaluation::body(std::string_view paragraph) {
  if (plan_->needs(kNeedsAddresses)) addresses_.paragraph(paragraph);
  if (!plan_->needs(kNeedsText)) return;
  text_.paragraph(paragraph, paragraph.ends_with('\n') || paragraph.ends_with(' '));
}

void Evaluation::begin_part(bool html) {
  in_part_ = mime_.in_alternative();
  if (!in_part_) return;
  if (alternatives_ != mime_.alternatives()) words_.begin_alternative();
  alternatives_ = mime_.alternatives();
  words_.begin_part(html);
}

void Evaluation::plain_text(std::string_view utf8) {
  if (!in_part_) begin_part(false);
  if (in_part_) words_.text(utf8);
  text_.plain_text(utf8);
}

void Evaluation::plain_text_end() {
  if (in_part_) words_.break_word();
  in_part_ = false;
  text_.plain_text_end();
}

void Evaluation::html_begin() {
  html_.begin();
  links_.begin();
  begin_part(true);
}

void Evaluation::html_tag(std::string_view name, bool closing) {
  html_.tag(name, closing);
  in_anchor_ = !closing && mime::equals_ignoring_case(name, "a");
  if (!in_part_) return;
  mime::FixedText<16> lower;
  for (char c : name.substr(0, 16)) lower.append(mime::to_lower(c));
  const uint32_t tag = mime::element(lower.view());
  if (mime::traits_of(tag).space != mime::ElementTraits::Space::kNone) words_.break_word();
  if (tag == mime::element("img")) words_.image();
}

void Evaluation::html_attribute(std::string_view name, std::string_view value) {
  html_.attribute(name, value);
  constexpr std::string_view kMailTo = "mailto:";
  if (!in_anchor_ || !mime::equals_ignoring_case(name, "href")) return;
  if (plan_->needs(kNeedsLinkTexts)) links_.target(value);
  if (plan_->needs(kNeedsAddresses) && mime::starts_ignoring_case(value, kMailTo))
    addresses_.link(value.substr(kMailTo.size()));
}

void Evaluation::html_tag_end() {
  if (html_.face_seen() && !search_.found(good_face(), html_.face())) html_.face_is_bad();
  html_.tag_end();
  if (in_anchor_ && plan_->needs(kNeedsLinkTexts)) links_.link_begin();
  in_anchor_ = false;
}

void Evaluation::html_text(std::string_view utf8) {
  html_.text(utf8);
  if (in_part_) words_.text(utf8);
}

void Evaluation::html_end() {
  html_.end();
  if (in_part_) words_.break_word();
  in_part_ = false;
  if (!html_.any()) return;
  facts_.longest_title = std::max(facts_.longest_title, html_.longest_title());
  ask(plan_->rules(Stage::kHtmlPart));
}

void Evaluation::html_string(HtmlString kind, std::string_view text) {
  if (kind == HtmlString::kAnchor && plan_->needs(kNeedsLinkTexts)) links_.link_end(text, search_);
  for (const EvalRule& rule : plan_->rules(Stage::kHtmlText)) {
    if (rule.word != static_cast<uint32_t>(kind) || hits_->is_hit(rule.rule)) continue;
    const bool wanted = rule.row->name == "html_text_match";
    if (search_.found(rule.code.get(), text) == wanted) hits_->hit(rule.rule);
  }
}

void Evaluation::label(std::string_view letters) {
  if (!search_.found(Expression::kStockLabel, letters)) return;
  uint32_t hash = mime::element(search_.group(1));
  hash ^= hash >> 16;
  const uint64_t bit = uint64_t{1} << (hash % 64);
  if ((stock_labels_ & bit) == 0) ++facts_.stock_labels;
  stock_labels_ |= bit;
}

void Evaluation::ask(std::span<const EvalRule> rules) {
  for (const EvalRule& rule : rules) {
    if (hits_->is_hit(rule.rule)) continue;
    headers_.release();
    if (rule.row->ask(rule, facts_)) hits_->hit(rule.rule);
  }
}

void Evaluation::finish(const HeaderFields& fields, mime::HeaderDecoder* decoder,
                        bool missing_boundary) {
  mime_.finish(missing_boundary);
  words_.finish();
  headers_.begin(&fields, plan_->selectors(), plan_->fields(), decoder);
  ask(plan_->rules(Stage::kEnd));
}

}  // namespace postern::scan::evals
