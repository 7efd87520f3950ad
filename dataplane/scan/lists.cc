#include "dataplane/scan/lists.h"

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/host_name.h"
#include "patterns/language/header_selector.h"

namespace postern::scan {
namespace {

using language::kInEnvelope, language::kInFrom, language::kInLinks, language::kInReplyTo;
using lists::Hash;
using lists::ListKind;
using lists::ListTable;

// A name and what it lies below, the name first.
class Names {
 public:
  static constexpr size_t kMost = 16;  // a longer name is looked up itself and by its last labels

  explicit Names(std::string_view host) {
    hashes[count++] = lists::hash_of(host);
    auto labels = static_cast<size_t>(std::ranges::count(host, '.'));
    while (labels > 0) {
      host.remove_prefix(host.find('.') + 1);
      if (labels-- < kMost) hashes[count++] = lists::hash_of(host);
    }
  }
  std::array<Hash, kMost> hashes;
  size_t count = 0;
};

enum class Answer : uint8_t { kAbsent, kListed, kExcluded };

Answer ask(const ListTable& table, const Names& names) {
  for (size_t i = 0; i < names.count; ++i) {
    const uint8_t marks = table.marks(names.hashes[i]);
    if (marks & (i == 0 ? lists::kExcluded : lists::kExcludedBelow)) return Answer::kExcluded;
    if (marks & (i == 0 ? lists::kListed : lists::kListedBelow)) return Answer::kListed;
  }
  return Answer::kAbsent;
}

template <size_t N>
std::string_view lower(std::string_view text, mime::FixedText<N>& room) {
  room.clear();
  for (char c : text.substr(0, N)) room.append(mime::to_lower(c));
  return room.view();
}

}  // namespace

std::expected<void, std::string> ListPlan::load(std::vector<artefact::List> lists,
                                                const std::vector<artefact::Rule>& rules,
                                                std::vector<language::HeaderSelector>& selectors) {
  uint8_t places = 0;
  for (artefact::List& list : lists) {
    if (rules[list.rule].flags & artefact::kOff) continue;
    auto table = lists::ListTable::open(list.block);
    if (!table) return std::unexpected(std::move(table.error()));
    needs_digests_ = needs_digests_ || list.kind == ListKind::kSha256;
    needs_links_ = needs_links_ || list.kind == ListKind::kUrls ||
                   (list.kind == ListKind::kDomains && (list.places & kInLinks) != 0);
    places |= list.places;
    wants_envelope_ = wants_envelope_ || (list.places & kInEnvelope) != 0;
    lists_.push_back({std::move(list), *table});
  }
  for (const auto& [name, place] :
       {std::pair("From:addr", kInFrom), {"Reply-To:addr", kInReplyTo}}) {
    if ((places & place) == 0) continue;
    const language::HeaderSelector selector = language::parse_header_selector(name)->selector;
    auto at = std::ranges::find(selectors, selector);
    if (at == selectors.end()) at = selectors.insert(at, selector);
    fields_.push_back({selector, static_cast<uint32_t>(at - selectors.begin()), place});
  }
  return {};
}

// Asks `listed` of each list of that kind that has not hit and takes texts from there.
template <typename Listed>
void ListLookup::look(ListKind kind, uint8_t places, Listed&& listed) {
  for (const ListPlan::Loaded& each : plan_->lists()) {
    if (each.list.kind != kind || hits_->is_hit(each.list.rule)) continue;
    if (places != 0 && (each.list.places & places) == 0) continue;
    if (listed(each)) hits_->hit(each.list.rule);
  }
}

void ListLookup::name(std::string_view host, std::string_view domain, uint8_t place) {
  const Names names(host);
  const Names registered(domain.empty() ? host : domain);
  look(ListKind::kDomains, place, [&](const ListPlan::Loaded& each) {
    Answer answer = ask(each.table, names);
    if (answer == Answer::kAbsent && !domain.empty()) answer = ask(each.table, registered);
    return answer == Answer::kListed;
  });
}

void ListLookup::link(const mime::Link& link) {
  name(link.host, link.domain, kInLinks);
  const std::string_view plain = link.uri.substr(0, link.uri.find_first_of("?#"));
  const Hash whole = lists::hash_of(link.uri);
  const Hash without_query = lists::hash_of(plain);
  look(ListKind::kUrls, 0, [&](const ListPlan::Loaded& each) {
    return each.table.marks(each.list.keep_query ? whole : without_query) != 0;
  });
}

void ListLookup::uri(std::string_view uri) {
  constexpr std::string_view kMailTo = "mailto:";
  if (!mime::starts_ignoring_case(uri, kMailTo)) return;
  uri.remove_prefix(kMailTo.size());
  sender(uri.substr(0, uri.find('?')), kInLinks);
}

// An address, and where it is delivered.
void ListLookup::sender(std::string_view address, uint8_t place) {
  constexpr size_t kLongest = 320;
  const size_t at = address.rfind('@');
  if (at == address.npos) return;
  mime::FixedText<kLongest> room;
  const Hash hash = lists::hash_of(lower(mime::trim(address), room));
  look(ListKind::kAddresses, place,
       [&](const ListPlan::Loaded& each) { return each.table.marks(hash) != 0; });
  // The host of a mailto: is no link's.
  if (place == kInLinks) return;
  mime::HostName host;
  if (mime::read_host(mime::trim(address.substr(at + 1)), &host))
    name(host.name.view(), mime::registrable_domain(host), place);
}

void ListLookup::part(const mime::Part& part) {
  if (!part.file_name.empty()) {
    constexpr size_t kLongest = 1024;
    mime::FixedText<kLongest> room;
    const Hash hash = lists::hash_of(lower(part.file_name, room));
    look(ListKind::kFileNames, 0,
         [&](const ListPlan::Loaded& each) { return each.table.marks(hash) != 0; });
  }
  if (!part.has_sha256) return;
  constexpr std::string_view kDigits = "0123456789abcdef";
  mime::FixedText<64> hex;
  for (uint8_t octet : part.sha256) {
    hex.append(kDigits[octet >> 4]);
    hex.append(kDigits[octet & 15]);
  }
  const Hash hash = lists::hash_of(hex.view());
  look(ListKind::kSha256, 0,
       [&](const ListPlan::Loaded& each) { return each.table.marks(hash) != 0; });
}

void ListLookup::finish(const HeaderFields& fields, mime::HeaderDecoder* decoder,
                        std::span<char> room) {
  for (const ListPlan::Field& field : plan_->fields()) {
    auto value = fields.value(field.selector, field.index, decoder, room);
    std::string_view rest = value.value_or("");
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      sender(rest.substr(0, end), field.place);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

}  // namespace postern::scan
