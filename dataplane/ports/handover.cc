#include "dataplane/ports/handover.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <bit>

#include "dataplane/packet/layers.h"
#include "dataplane/ports/rss.h"

namespace postern::ports {

using packet::Side;
using packet::TcpPacket;

std::expected<std::unique_ptr<HandoverRings>, std::string> HandoverRings::create(uint16_t workers) {
  auto made = std::make_unique<HandoverRings>();
  made->rings_.resize(workers);
  for (uint16_t worker = 0; worker < workers; ++worker)
    for (size_t side = 0; side < 2; ++side) {
      const std::string name = fmt::format("handover_{}_{}", worker, side);
      // A producer never waits for another that was interrupted (relaxed tail synchronisation).
      made->rings_[worker][side].reset(rte_ring_create(name.c_str(), kRingFrames, SOCKET_ID_ANY,
                                                       RING_F_MP_RTS_ENQ | RING_F_SC_DEQ));
      if (made->rings_[worker][side] == nullptr)
        return std::unexpected(fmt::format("ring {}: {}", name, rte_strerror(rte_errno)));
    }
  return made;
}

HandoverRings::~HandoverRings() {
  void* frame = nullptr;
  for (const auto& sides : rings_)
    for (const auto& ring : sides)
      while (ring != nullptr && rte_ring_sc_dequeue(ring.get(), &frame) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
}

std::optional<uint16_t> Handover::owner_of(const TcpPacket& tcp, Side arrived) {
  Kind* kind = kind_of(tcp, arrived);
  if (kind == nullptr) return std::nullopt;
  if (kind->known == Known::kUnasked) {
    kind->known = Known::kAsked;
    ++asked_;
  }
  if (kind->known != Known::kSame) return std::nullopt;
  return worker_of(rss_hash(tcp));
}

// Null: nothing that every NIC hashes by its ports.
Handover::Kind* Handover::kind_of(const TcpPacket& tcp, Side arrived) {
  const uint32_t tags = (tcp.l3_offset - packet::kEthernetHeader) / 4;
  const uint32_t plain = tcp.is_v6 ? 40 : 20;
  if (tags > 2 || uint32_t{tcp.l4_offset} - tcp.l3_offset != plain ||
      !std::has_single_bit(table_entries_))
    return nullptr;
  return &kinds_[(static_cast<size_t>(arrived) * 2 + tcp.is_v6) * 3 + tags];
}

uint16_t Handover::worker_of(uint32_t hash) const {
  return rss_queue(hash % table_entries_, rings_->workers());
}

void Handover::compare(std::span<rte_mbuf* const> burst, Side arrived) {
  for (rte_mbuf* mbuf : burst) {
    if ((mbuf->ol_flags & RTE_MBUF_F_RX_RSS_HASH) == 0) continue;
    const packet::Frame frame{.buffer = rte_pktmbuf_mtod(mbuf, uint8_t*),
                              .capacity = mbuf->data_len,
                              .length = mbuf->data_len};
    const TcpPacket tcp = packet::parse(frame);
    // With equal ports a hash of the addresses alone would be the same.
    if (tcp.kind != packet::Kind::kTcp || tcp.source_port == tcp.destination_port) continue;
    Kind* kind = kind_of(tcp, arrived);
    if (kind == nullptr || kind->known != Known::kAsked) continue;
    if (mbuf->hash.rss != rss_hash(tcp) || worker_of(mbuf->hash.rss) != worker_)
      kind->known = Known::kDifferent;
    else if (++kind->same == kEnough)
      kind->known = Known::kSame;
    if (kind->known != Known::kAsked) --asked_;
  }
}

}  // namespace postern::ports
