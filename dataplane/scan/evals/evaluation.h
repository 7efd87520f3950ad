// The eval rules of one message: gathers the facts that they need while the message is read, and
// asks them.
//
// Theory of operation. A rule about HTML asks about each HTML part by itself and hits when it is
// true of one, so it is asked at each part's end, and about a comment, title or anchor text at
// that text's end; all others are asked at the message's end. What is remembered between is
// counters and a few bounded texts (html_facts.h, mime_facts.h, text_facts.h). A set without eval
// rules has no Evaluation and asks the reader for nothing.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/mime/observers.h"
#include "dataplane/scan/evals/body_addresses.h"
#include "dataplane/scan/evals/eval_plan.h"
#include "dataplane/scan/evals/header_texts.h"
#include "dataplane/scan/evals/html_facts.h"
#include "dataplane/scan/evals/link_texts.h"
#include "dataplane/scan/evals/mime_facts.h"
#include "dataplane/scan/evals/text_facts.h"
#include "dataplane/scan/matcher.h"

namespace postern::scan::evals {

// What a function may ask.
struct Facts {
  HtmlFacts& html;
  MimeFacts& mime;
  TextFacts& text;
  AlternativeWords& words;
  HeaderTexts& headers;
  Searcher& search;
  BodyAddresses& addresses;
  LinkTexts& links;
  const EvalPlan* plan = nullptr;
  const FreeMail* free_mail = nullptr;
  std::optional<uint8_t> from_name = {};  // of FromName: computed once for all that ask
  uint64_t body_bytes = 0;
  uint64_t longest_title = 0;
  uint32_t stock_labels = 0;
  // Of two recipients: computed once for both functions that ask; negative: not yet.
  double similar_recipients = -1;
};

class Evaluation final : public mime::TextObserver, private HtmlStringSink, private LabelSink {
 public:
  Evaluation();

  // `plan` is null when the set has no such rule; both outlive the message.
  void begin(const EvalPlan* plan, Hits* hits);
  bool active() const { return plan_ != nullptr; }
  // The message's octets.
  void feed(std::span<const uint8_t> bytes);
  void body(std::string_view paragraph);
  void raw_line(std::string_view line) { text_.raw_line(line); }
  void part_end() { text_.part_end(); }
  mime::StructureObserver* structure() { return &mime_; }
  // The message has ended.
  void finish(const HeaderFields& fields, mime::HeaderDecoder* decoder, bool missing_boundary);

  void plain_text(std::string_view utf8) override;
  void plain_text_end() override;
  void html_begin() override;
  void html_source(std::string_view utf8) override { html_.source(utf8); }
  void html_tag(std::string_view name, bool closing) override;
  void html_attribute(std::string_view name, std::string_view value) override;
  void html_tag_end() override;
  void html_text(std::string_view utf8) override;
  void html_comment(std::string_view utf8, bool ended) override { html_.comment(utf8, ended); }
  void html_declaration(std::string_view utf8, bool ended) override {
    html_.declaration(utf8, ended);
  }
  void html_end() override;

 private:
  void html_string(HtmlString kind, std::string_view text) override;
  void label(std::string_view letters) override;
  void begin_part(bool html);
  void ask(std::span<const EvalRule> rules);

  const EvalPlan* plan_ = nullptr;
  Hits* hits_ = nullptr;
  HtmlFacts html_{this};
  MimeFacts mime_;
  TextFacts text_{this};
  AlternativeWords words_;
  HeaderTexts headers_;
  Searcher search_;
  BodyAddresses addresses_;
  LinkTexts links_;
  Facts facts_{html_, mime_, text_, words_, headers_, search_, addresses_, links_};
  uint32_t alternatives_ = 0;
  bool in_part_ = false;
  bool in_anchor_ = false;  // in the tag that begins one
  uint64_t stock_labels_ = 0;

  // The message's octets: where its body begins.
  bool in_body_ = false;
  bool line_empty_ = true;
  bool carriage_return_ = false;
};

}  // namespace postern::scan::evals
