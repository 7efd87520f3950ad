#include "dataplane/scan/collector.h"

#include <algorithm>
#include <cstring>

#include "dataplane/mime/ascii.h"
#include "dataplane/stage.h"

namespace postern::scan {

using language::Target;

namespace {

constexpr int kMostRedirections = 4;

// The URI that stands behind the host of another, up to a fragment or the next parameter, as
// SpamAssassin finds it; empty when there is none.
std::string_view redirection_in(std::string_view uri) {
  const size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos || !mime::starts_ignoring_case(uri, "http")) return {};
  size_t at = uri.find_first_of("/?#:", scheme + 3);
  for (at = uri.find(':', at); at != std::string_view::npos; at = uri.find(':', at + 1)) {
    if (!uri.substr(at).starts_with("://")) continue;
    const std::string_view before = uri.substr(0, at);
    const size_t name = mime::ends_ignoring_case(before, "https") ? 5 : 4;
    if (name == 4 && !mime::ends_ignoring_case(before, "http")) continue;
    const std::string_view target = uri.substr(at - name);
    const std::string_view found = target.substr(0, target.find_first_of("&#"));
    return found.find('.') == std::string_view::npos ? std::string_view{} : found;
  }
  return {};
}

// Folds of a raw value become blanks: SpamAssassin keeps none in a whole header.
template <size_t N>
void append_unfolded(std::string_view value, mime::FixedText<N>& out) {
  while (!value.empty()) {
    const size_t end = std::min(value.find('\n'), value.size());
    std::string_view line = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!value.empty() && line.ends_with('\r')) line.remove_suffix(1);
    out.append(line);
    if (value.empty()) return;
    while (!value.empty() && mime::is_space(value[0])) value.remove_prefix(1);
    out.append(' ');
  }
}

}  // namespace

void Collector::begin(const SignatureSet::Compiled* set, Matcher* matcher,
                      MessageScan::Scratch::Impl* scratch, evals::Evaluation* evaluation,
                      ListLookup* lists) {
  evaluation_ = evaluation;
  lists_ = lists;
  set_ = set;
  matcher_ = matcher;
  scratch_ = scratch;
  fields_.begin(set->fields.get());
  for (Gathering* gathering : {&body_, &raw_body_, &uris_, &hidden_, &skeleton_, &domains_}) {
    gathering->elements.clear();
    gathering->from_the_start = true;
  }
  chunk_used_ = 0;
  begin_part();
  part_number_ = part_piece_count_ = 0;
  part_piece_text_.clear();
  any_header_ = false;
}

void Collector::gather(Gathering& gathering, std::string_view element, std::string_view end) {
  if (!gathering.elements.fits(element.size() + end.size())) match(gathering);
  gathering.elements.add(element, end);
}

// SpamAssassin's lines keep the line end or the blank at which they were cut.
void Collector::gather_paragraph(Gathering& gathering, std::string_view paragraph) {
  if (!wanted(gathering)) return;
  const bool has_end = paragraph.ends_with('\n') || paragraph.ends_with(' ');
  gather(gathering, paragraph, has_end ? "" : "\n");
}

// `keeps`: the elements stay until the matcher has finished.
void Collector::match(Gathering& gathering, bool keeps) {
  // Of the body the first element is the subject.
  matcher_->match_elements(gathering.target, gathering.elements,
                           gathering.from_the_start && gathering.target == Target::kBody, keeps);
  if (gathering.elements.count() > 0) gathering.from_the_start = false;
  if (!keeps) gathering.elements.clear();
}

void Collector::header(std::string_view name, std::string_view raw, std::string_view decoded) {
  StageScope stage(Stage::kScan);
  fields_.add(name, raw, decoded);
  any_header_ = true;
  if (origin_ != nullptr) origin_->field(name, raw);
  if (observer_ != nullptr) observer_->header(name, raw, decoded);
}

void Collector::body(std::string_view paragraph) {
  StageScope stage(Stage::kScan);
  gather_paragraph(body_, paragraph);
  if (evaluation_ != nullptr) evaluation_->body(paragraph);
  if (observer_ != nullptr) observer_->body(paragraph);
}

void Collector::hidden(std::string_view paragraph) {
  StageScope stage(Stage::kScan);
  gather_paragraph(hidden_, paragraph);
  if (observer_ != nullptr) observer_->hidden(paragraph);
}

void Collector::skeleton(std::string_view paragraph) {
  StageScope stage(Stage::kScan);
  gather_paragraph(skeleton_, paragraph);
  if (observer_ != nullptr) observer_->skeleton(paragraph);
}

void Collector::rawbody(std::string_view line) {
  StageScope stage(Stage::kScan);
  if (wanted(raw_body_)) {
    for (std::string_view rest = line; !rest.empty();) {
      const size_t length = std::min<size_t>(rest.size(), chunk_.size() - chunk_used_);
      std::memcpy(chunk_.data() + chunk_used_, rest.data(), length);
      chunk_used_ += static_cast<uint32_t>(length);
      rest.remove_prefix(length);
      split_chunks();
    }
  }
  if (evaluation_ != nullptr) evaluation_->raw_line(line);
  if (observer_ != nullptr) observer_->rawbody(line);
}

void Collector::uri(std::string_view uri) {
  StageScope stage(Stage::kScan);
  if (wanted(uris_)) {
    gather(uris_, uri);
    // Where redirectors lead to is matched by itself, too.
    std::string_view target = redirection_in(uri);
    for (int step = 0; step < kMostRedirections && !target.empty(); ++step) {
      gather(uris_, target);
      target = redirection_in(target);
    }
  }
  if (lists_ != nullptr) lists_->uri(uri);
  if (observer_ != nullptr) observer_->uri(uri);
}

void Collector::link(const mime::Link& link) {
  StageScope stage(Stage::kScan);
  if (wanted(domains_) && !link.domain.empty()) gather(domains_, link.domain);
  if (lists_ != nullptr) lists_->link(link);
  if (observer_ != nullptr) observer_->link(link);
}

void Collector::part(const mime::Part& part) {
  StageScope stage(Stage::kScan);
  end_chunks();
  if (evaluation_ != nullptr) evaluation_->part_end();
  if (lists_ != nullptr) lists_->part(part);
  if (observer_ != nullptr) observer_->part(part);
}

void Collector::begin_part() {
  part_fields_.fill({});
  part_text_used_ = 0;
  for (auto& header : part_headers_) header.clear();
}

void Collector::part_header(std::string_view name, std::string_view raw, std::string_view decoded) {
  StageScope stage(Stage::kScan);
  const auto& plans = set_->part_headers;
  std::array<bool, 2> whole{};
  for (size_t i = 0; i < plans.size(); ++i) {
    const language::HeaderSelector& selector = set_->headers[plans[i]].selector;
    if (selector.field.empty()) whole[selector.raw ? 1 : 0] = true;
    if (!mime::equals_ignoring_case(name, selector.field)) continue;
    const std::string_view value = selector.raw ? raw : decoded;
    PartField& field = part_fields_[i];
    field.present = true;
    field.begin = part_text_used_;
    char* const out = part_text_.data() + part_text_used_;
    const auto room = static_cast<uint32_t>(part_text_.size()) - part_text_used_;
    field.length = static_cast<uint32_t>(std::min<size_t>(value.size(), room));
    std::memcpy(out, value.data(), field.length);
    // SpamAssassin's values end with a line end.
    if (field.length < room) out[field.length++] = '\n';
    part_text_used_ += field.length;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    if (!whole[i]) continue;
    auto& header = part_headers_[i];
    header.append(name);
    header.append(": ");
    append_unfolded(i == 1 ? raw : decoded, header);
    header.append('\n');
  }
  if (observer_ != nullptr) observer_->part_header(name, raw, decoded);
}

void Collector::part_headers_end() {
  StageScope stage(Stage::kScan);
  ++part_number_;
  for (uint32_t i = 0; i < set_->part_headers.size(); ++i) {
    const HeaderPlan& plan = set_->headers[set_->part_headers[i]];
    const language::HeaderSelector& selector = plan.selector;
    if (part_number_ < selector.first_part || part_number_ > selector.last_part) continue;
    const PartField& field = part_fields_[i];
    const bool whole = selector.field.empty();
    const std::string_view value =
        whole ? part_headers_[selector.raw ? 1 : 0].view()
              : std::string_view(part_text_.data() + field.begin, field.length);
    if (selector.concatenated) {
      add_part_piece(i, value);
    } else if (whole || field.present) {
      matcher_->match_part_value(plan, value);
    } else {
      matcher_->match_part_absent(plan);
    }
  }
  begin_part();
  if (observer_ != nullptr) observer_->part_headers_end();
}

// Ends with a line end, also where the field is absent.
void Collector::add_part_piece(uint32_t plan, std::string_view value) {
  const bool ended = value.ends_with('\n');
  if (part_piece_count_ == kPartPieces ||
      part_piece_text_.size() + value.size() + (ended ? 0 : 1) > kPartPieceBytes) {
    return;
  }
  const auto begin = static_cast<uint32_t>(part_piece_text_.size());
  part_piece_text_.append(value);
  if (!ended) part_piece_text_.append('\n');
  part_pieces_[part_piece_count_++] = {plan, begin,
                                       static_cast<uint32_t>(part_piece_text_.size()) - begin};
}

void Collector::match_concatenated() {
  for (uint32_t i = 0; i < set_->part_headers.size(); ++i) {
    const HeaderPlan& plan = set_->headers[set_->part_headers[i]];
    if (!plan.selector.concatenated) continue;
    // All pieces together fit.
    static_assert(kPartPieceBytes <= HeaderFields::kValueBytes);
    char* const text = scratch_->value_room().data();
    char* out = text;
    for (uint32_t k = 0; k < part_piece_count_; ++k) {
      const PartPiece& piece = part_pieces_[k];
      if (piece.plan == i)
        out = std::copy_n(part_piece_text_.view().data() + piece.begin, piece.length, out);
    }
    matcher_->match_part_value(plan, {text, static_cast<size_t>(out - text)});
  }
}

// Cuts chunks off while more than two chunks' worth of text waits: at the first line end past 2,048
// bytes, else at a '>', else at a blank, else there.
void Collector::split_chunks() {
  uint32_t begin = 0;
  while (chunk_used_ - begin > 2 * kChunkBytes) {
    const std::string_view reach(chunk_.data() + begin + kChunkBytes, kChunkBytes);
    size_t cut = 0;
    for (char at : {'\n', '>', ' '}) {
      cut = reach.find(at);
      if (cut != std::string_view::npos) break;
    }
    if (cut == std::string_view::npos) cut = 0;
    const auto length = static_cast<uint32_t>(kChunkBytes + cut + 1);
    gather(raw_body_, {chunk_.data() + begin, length});
    begin += length;
  }
  chunk_used_ -= begin;
  if (begin > 0) std::memmove(chunk_.data(), chunk_.data() + begin, chunk_used_);
}

void Collector::end_chunks() {
  if (chunk_used_ > 0) gather(raw_body_, {chunk_.data(), chunk_used_});
  chunk_used_ = 0;
}

void Collector::match_headers() {
  for (uint32_t i = 0; i < set_->headers.size(); ++i) {
    const HeaderPlan& plan = set_->headers[i];
    if (plan.selector.source == language::HeaderSelector::Source::kPartField) continue;
    const auto value = fields_.value(plan.selector, i, &scratch_->decoder, scratch_->value_room());
    if (value) {
      matcher_->match_value(plan, *value);
    } else {
      matcher_->match_absent(plan);
    }
  }
}

void Collector::finish() {
  end_chunks();
  fields_.end();
  match_headers();
  match_concatenated();
  for (uint32_t plan : set_->part_headers) matcher_->part_values_end(set_->headers[plan]);
  for (Gathering* gathering : {&body_, &raw_body_, &uris_, &hidden_, &skeleton_, &domains_}) {
    match(*gathering, true);
  }
}

}  // namespace postern::scan
