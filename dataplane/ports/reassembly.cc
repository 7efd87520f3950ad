#include "dataplane/ports/reassembly.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ether.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <random>
#include <utility>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/cut.h"
#include "dataplane/packet/parse.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace postern::ports {

using packet::Fragment;
using packet::Ownership;
using packet::Side;

namespace {

constexpr uint32_t kMostOctets = 65535;  // of a datagram: its length field has 16 bits
// The ECN field (RFC 3168 5).
constexpr uint8_t kNotCapable = 0, kCongested = 3;

uint64_t random_number() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

std::span<const uint8_t> bytes_of(const rte_mbuf* mbuf) {
  return {rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len};
}

// Marks what has been verified, so that nobody verifies it again.
void mark_verified(rte_mbuf* mbuf, bool is_v6) {
  mbuf->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  mbuf->packet_type = is_v6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4;
}

}  // namespace

std::expected<std::unique_ptr<Reassembly>, std::string> Reassembly::create(
    const ReassemblyConfig& config, MbufFrameSource* frames, Counters* counters,
    Handover* handover) {
  std::unique_ptr<Reassembly> made(new Reassembly(config, frames, counters, handover));
  // One datagram at a time is in the library, from its first fragment to its last in one call.
  made->table_.reset(rte_ip_frag_table_create(1, 2, 2, 1, SOCKET_ID_ANY));
  if (made->table_ == nullptr)
    return std::unexpected(fmt::format("no memory for IP reassembly: {}", rte_strerror(rte_errno)));
  return made;
}

Reassembly::Reassembly(const ReassemblyConfig& config, MbufFrameSource* frames, Counters* counters,
                       Handover* handover)
    : config_(config),
      timeout_us_(uint64_t{config.timeout_s} * 1'000'000),
      // All sets are seen twice in a timeout.
      expiry_interval_us_(timeout_us_ /
                          (2 * RTE_ALIGN_MUL_CEIL(config.datagrams, kSlotsPerSet) / kSlotsPerSet)),
      secret_(random_number()),
      frames_(frames),
      counters_(counters),
      handover_(handover),
      slots_(RTE_ALIGN_MUL_CEIL(config.datagrams, kSlotsPerSet)),
      whole_(RTE_ETHER_HDR_LEN + 8 + kMostOctets),
      next_id_(static_cast<uint16_t>(secret_)) {
  for (const uint16_t port : config.mail_ports) mail_port_.set(port);
}

Reassembly::~Reassembly() { clear(); }

uint64_t Reassembly::frames_needed(uint32_t datagrams) {
  return RTE_ALIGN_MUL_CEIL(uint64_t{datagrams}, kSlotsPerSet) * kMostFragments +
         kMostBurst * kMostParts;
}

std::span<rte_mbuf*> Reassembly::reassemble(std::span<rte_mbuf*> burst, Side arrived,
                                            const Now& now) {
  if (occupied_ > 0) expire_step(now);
  if (handover_ != nullptr) handover_->learn(burst, arrived);
  const bool waiting = handover_ != nullptr && handover_->waiting(arrived);
  size_t i = 0;
  while (i < burst.size() && !packet::may_be_fragment(bytes_of(burst[i]))) ++i;
  if (i == burst.size() && !waiting) return burst;

  assert(burst.size() <= kMostBurst);
  std::ranges::copy(burst.first(i), out_.begin());
  out_count_ = i;
  for (; i < burst.size(); ++i) {
    std::optional<Fragment> fragment;
    // What does not fit in one buffer is left to who drops it.
    if (packet::may_be_fragment(bytes_of(burst[i])) && rte_pktmbuf_linearize(burst[i]) == 0)
      fragment = packet::parse_fragment(bytes_of(burst[i]));
    if (fragment)
      take(burst[i], *fragment, arrived, now);
    else
      put(burst[i]);
  }
  if (waiting)
    out_count_ += handover_->receive(std::span(out_).subspan(out_count_, kMostBurst), arrived);
  return {out_.data(), out_count_};
}

void Reassembly::clear() {
  for (Datagram& datagram : slots_)
    if (datagram.state != State::kFree) forget(datagram, Counter::kDropFragmentTimeout);
}

void Reassembly::take(rte_mbuf* mbuf, const Fragment& fragment, Side arrived, const Now& now) {
  const Held held{.mbuf = mbuf,
                  .l3_offset = fragment.l3_offset,
                  .data_offset = fragment.data_offset,
                  .data_length = fragment.data_length,
                  .place = fragment.place,
                  .more = fragment.more,
                  .plain = fragment.plain,
                  .congestion = fragment.congestion};
  Datagram& datagram = find(fragment, arrived, now);
  if (fragment.first())
    take_first(datagram, held, packet::read_ownership(bytes_of(mbuf), fragment), now);
  else
    take_later(datagram, held);
}

std::span<Reassembly::Datagram> Reassembly::set_of(const IpAddress& source, uint32_t vlan) {
  const auto hash = static_cast<uint32_t>(
      XXH3_64bits_withSeed(source.bytes().data(), source.bytes().size(), secret_ ^ vlan));
  const size_t set = uint64_t{hash} * (slots_.size() / kSlotsPerSet) >> 32;
  return std::span(slots_).subspan(set * kSlotsPerSet, kSlotsPerSet);
}

// The datagram that the fragment is of; a new one takes a free slot, or that of the least worth.
Reassembly::Datagram& Reassembly::find(const Fragment& fragment, Side arrived, const Now& now) {
  const auto decided = [](const Datagram& d) {
    return d.state == State::kPassing || d.state == State::kCondemned;
  };
  const auto worth_less = [&](const Datagram& a, const Datagram& b) {
    if ((a.state == State::kFree) != (b.state == State::kFree)) return a.state == State::kFree;
    if (decided(a) != decided(b)) return decided(a);
    return a.began_us < b.began_us;
  };
  const auto set = set_of(fragment.source, fragment.vlan);
  Datagram* least = &set[0];
  for (Datagram& datagram : set) {
    if (datagram.state != State::kFree && datagram.began_us + timeout_us_ <= now.monotonic_us)
      forget(datagram, Counter::kDropFragmentTimeout);
    if (datagram.state != State::kFree && datagram.id == fragment.id && datagram.side == arrived &&
        datagram.vlan == fragment.vlan && datagram.source == fragment.source &&
        datagram.destination == fragment.destination)
      return datagram;
    if (worth_less(datagram, *least)) least = &datagram;
  }
  if (least->state != State::kFree) forget(*least, Counter::kDropFragmentTable);
  if (occupied_++ == 0) next_expiry_us_ = now.monotonic_us + expiry_interval_us_;
  least->state = State::kUnknown;
  least->side = arrived;
  least->id = fragment.id;
  least->vlan = fragment.vlan;
  least->source = fragment.source;
  least->destination = fragment.destination;
  least->began_us = now.monotonic_us;
  least->length = least->received = least->ports_end = 0;
  return *least;
}

void Reassembly::take_first(Datagram& datagram, const Held& first, const Ownership& ownership,
                            const Now& now) {
  if (datagram.state == State::kCondemned) return drop(first, datagram.reason);
  if (ownership.owner == Ownership::Owner::kHidden)
    return condemn(datagram, first, Counter::kDropFragmentHidden);

  if (ownership.owner == Ownership::Owner::kOther || !is_mail(ownership)) {
    // Another first fragment said that it is mail.
    if (datagram.state == State::kMail)
      return condemn(datagram, first, Counter::kDropFragmentOverlap);
    // With these before it, a receiver might read other ports.
    for (size_t i = 0; i < datagram.count; ++i)
      if (datagram.held[i].place < ownership.ports_end)
        return condemn(datagram, first, Counter::kDropFragmentOverlap);
    for (size_t i = 0; i < datagram.count; ++i) put(datagram.held[i].mbuf);
    datagram.count = 0;
    datagram.state = State::kPassing;
    datagram.began_us = now.monotonic_us;
    datagram.ports_end = ownership.ports_end;
    return put(first.mbuf);
  }

  // Either the identification is used anew, or somebody lies. What comes from here on goes on whole
  // or not at all; what has passed cannot make mail without a first fragment that says so.
  if (datagram.state == State::kPassing) datagram.began_us = now.monotonic_us;
  const bool news = datagram.state != State::kMail;
  datagram.state = State::kMail;
  if (news) {
    const auto waiting = datagram.held;
    const size_t count = std::exchange(datagram.count, uint8_t{0});
    for (size_t i = 0; i < count; ++i) take_later(datagram, waiting[i]);
    // All but the first fragment were there, so nothing can be complete yet.
    if (datagram.state == State::kCondemned) return drop(first, datagram.reason);
  }
  collect(datagram, first);
}

void Reassembly::take_later(Datagram& datagram, const Held& later) {
  switch (datagram.state) {
    case State::kFree:
    case State::kUnknown:
      if (datagram.count == kMostFragments)
        return condemn(datagram, later, Counter::kDropFragmentMany);
      return hold(datagram, later);
    case State::kMail:
      return collect(datagram, later);
    case State::kPassing:
      if (later.place < datagram.ports_end) return drop(later, Counter::kDropFragmentOverlap);
      return put(later.mbuf);
    case State::kCondemned:
      return drop(later, datagram.reason);
  }
}

void Reassembly::hold(Datagram& datagram, const Held& held) {
  datagram.held[datagram.count++] = held;
}

// A fragment of mail: held until the datagram is complete.
void Reassembly::collect(Datagram& datagram, const Held& held) {
  if (const auto fault = fault_of(held)) return drop(held, *fault);
  if (!held.plain) return condemn(datagram, held, Counter::kDropFragmentHidden);
  if (const auto conflict = conflict_of(datagram, held)) {
    if (*conflict == Counter::kDropFragmentDuplicate) return drop(held, *conflict);
    return condemn(datagram, held, *conflict);
  }
  if (datagram.count == kMostFragments) return condemn(datagram, held, Counter::kDropFragmentMany);
  hold(datagram, held);
  datagram.received += held.data_length;
  if (!held.more) datagram.length = held.end();
  // Without overlaps, and with nothing past the end, that many octets are all.
  if (datagram.received == datagram.length) join(datagram);
}

// What makes a receiver drop a fragment by itself.
std::optional<Counter> Reassembly::fault_of(const Held& held) const {
  const uint8_t* ip = bytes_of(held.mbuf).data() + held.l3_offset;
  const uint32_t header = held.data_offset - held.l3_offset;
  if (held.data_length == 0 || (held.more && held.data_length % 8 != 0) ||
      header + held.end() > kMostOctets)
    return Counter::kDropFragmentMalformed;
  if (config_.verify_checksums && ip[0] >> 4 == 4 && packet::internet_sum({ip, header}) != 0xffff)
    return Counter::kDropChecksum;
  return std::nullopt;
}

// What a fragment has against those that came before.
std::optional<Counter> Reassembly::conflict_of(const Datagram& datagram, const Held& held) const {
  for (const Held& other : std::span(datagram.held).first(datagram.count)) {
    if (held.end() <= other.place || other.end() <= held.place) continue;
    const bool same =
        held.place == other.place && held.end() == other.end() && held.more == other.more &&
        std::memcmp(bytes_of(held.mbuf).data() + held.data_offset,
                    bytes_of(other.mbuf).data() + other.data_offset, held.data_length) == 0;
    return same ? Counter::kDropFragmentDuplicate : Counter::kDropFragmentOverlap;
  }
  // Past the end that the last fragment gave, or the end before what has come.
  if (datagram.length != 0 && (!held.more || held.end() > datagram.length))
    return Counter::kDropFragmentOverlap;
  if (!held.more)
    for (const Held& other : std::span(datagram.held).first(datagram.count))
      if (other.end() > held.end()) return Counter::kDropFragmentOverlap;
  return std::nullopt;
}

void Reassembly::condemn(Datagram& datagram, const Held& held, Counter reason) {
  condemn(datagram, reason);
  drop(held, reason);
}

// Until its time is over nothing of the datagram goes on.
void Reassembly::condemn(Datagram& datagram, Counter reason) {
  for (const Held& held : std::span(datagram.held).first(datagram.count)) drop(held, reason);
  datagram.count = 0;
  datagram.state = State::kCondemned;
  datagram.reason = reason;
}

void Reassembly::forget(Datagram& datagram, Counter reason) {
  condemn(datagram, reason);
  datagram.state = State::kFree;
  --occupied_;
}

void Reassembly::drop(const Held& held, Counter reason) {
  count_in(1, held.mbuf->data_len);
  counters_->add(reason);
  rte_pktmbuf_free(held.mbuf);
}

// The pipeline counts what comes to it; what does not get there is counted here.
void Reassembly::count_in(uint64_t frames, uint64_t bytes) {
  counters_->add(Counter::kFramesIn, frames);
  counters_->add(Counter::kBytesIn, bytes);
}

void Reassembly::expire_step(const Now& now) {
  if (now.monotonic_us < next_expiry_us_) return;
  next_expiry_us_ += expiry_interval_us_;
  const auto set = std::span(slots_).subspan(next_to_expire_ * kSlotsPerSet, kSlotsPerSet);
  next_to_expire_ = (next_to_expire_ + 1) % (slots_.size() / kSlotsPerSet);
  for (Datagram& datagram : set)
    if (datagram.state != State::kFree && datagram.began_us + timeout_us_ <= now.monotonic_us)
      forget(datagram, Counter::kDropFragmentTimeout);
}

// Every fragment is there: the segment goes on, or all are dropped for one reason.
void Reassembly::join(Datagram& datagram) {
  uint8_t seen = 0;  // ECN fields, a bit for each value
  uint64_t bytes = 0;
  for (const Held& held : std::span(datagram.held).first(datagram.count)) {
    seen = static_cast<uint8_t>(seen | 1 << held.congestion);
    bytes += held.mbuf->data_len;
  }
  const bool congested = (seen >> kCongested & 1) != 0;
  // RFC 3168 5.3: such a mix is not to be put together.
  if (congested && (seen >> kNotCapable & 1) != 0)
    return forget(datagram, Counter::kDropFragmentMalformed);

  const uint8_t count = std::exchange(datagram.count, uint8_t{0});
  Counter outcome = Counter::kDropFragment;
  if (rte_mbuf* chain = join_by_library(datagram, count); chain != nullptr) {
    packet::Frame whole{.buffer = whole_.data(), .capacity = static_cast<uint32_t>(whole_.size())};
    for (const rte_mbuf* part = chain; part != nullptr; part = part->next) {
      std::ranges::copy(bytes_of(part), whole.buffer + whole.length);
      whole.length += part->data_len;
    }
    rte_pktmbuf_free(chain);
    outcome = send_on(whole, datagram.side, congested).value_or(Counter::kFragmentsJoined);
  }
  counters_->add(outcome, count);
  if (outcome != Counter::kFragmentsJoined) count_in(count, bytes);
  forget(datagram, outcome);
}

// The library keeps or frees the fragments; the chain it returns is the caller's.
rte_mbuf* Reassembly::join_by_library(const Datagram& datagram, size_t count) {
  rte_mbuf* joined = nullptr;
  // What it might still hold of a datagram before this one is over age by now.
  joins_ += 2;
  for (const Held& held : std::span(datagram.held).first(count)) {
    held.mbuf->l2_len = held.l3_offset;
    held.mbuf->l3_len = held.data_offset - held.l3_offset;
    uint8_t* ip = rte_pktmbuf_mtod_offset(held.mbuf, uint8_t*, held.l3_offset);
    if (ip[0] >> 4 == 4)
      joined = rte_ipv4_frag_reassemble_packet(table_.get(), &death_row_, held.mbuf, joins_,
                                               reinterpret_cast<rte_ipv4_hdr*>(ip));
    else
      joined = rte_ipv6_frag_reassemble_packet(
          table_.get(), &death_row_, held.mbuf, joins_, reinterpret_cast<rte_ipv6_hdr*>(ip),
          reinterpret_cast<rte_ipv6_fragment_ext*>(ip + sizeof(rte_ipv6_hdr)));
  }
  rte_ip_frag_free_death_row(&death_row_, 0);
  return joined;
}

// As one frame, or cut to the MTU. What it returns is why not.
std::optional<Counter> Reassembly::send_on(packet::Frame& whole, Side arrived, bool congested) {
  const packet::TcpPacket tcp = packet::parse(whole);
  if (tcp.kind != packet::Kind::kTcp) return Counter::kDropMalformed;
  uint8_t* ip = whole.data() + tcp.l3_offset;
  if (congested) ip[1] |= tcp.is_v6 ? kCongested << 4 : kCongested;
  if (!tcp.is_v6) {
    // The library leaves it to whoever sends.
    packet::store_be16(ip + 10, 0);
    packet::store_be16(ip + 10,
                       static_cast<uint16_t>(~packet::internet_sum({ip, (ip[0] & 15) * 4u})));
  }
  if (config_.verify_checksums && !packet::checksums_right(whole, tcp))
    return Counter::kDropChecksum;
  std::optional<uint16_t> owner;
  if (handover_ != nullptr && !(owner = handover_->owner_of(tcp, arrived)))
    return Counter::kDropFragment;

  std::array<packet::Frame*, kMostParts> parts{};
  const uint32_t count = packet::parts_of(tcp, config_.mtu);
  if (count == 0 || count > kMostParts) return Counter::kDropFragmentMalformed;
  if (!packet::cut(*frames_, whole, tcp, config_.mtu, next_id_, std::span(parts).first(count)))
    return Counter::kDropNoBuffer;
  for (packet::Frame* part : std::span(parts).first(count)) {
    rte_mbuf* mbuf = MbufFrameSource::write_back(part, ChecksumOffload::kNone);
    mark_verified(mbuf, tcp.is_v6);
    send_to(owner, arrived, mbuf);
  }
  return std::nullopt;
}

void Reassembly::send_to(std::optional<uint16_t> owner, Side arrived, rte_mbuf* mbuf) {
  if (!owner || *owner == handover_->worker()) return put(mbuf);
  if (handover_->give(mbuf, *owner, arrived)) return;
  count_in(1, mbuf->data_len);
  counters_->add(Counter::kDropWorkerQueue);
  rte_pktmbuf_free(mbuf);
}

}  // namespace postern::ports
