#include "dataplane/ports/transmitter.h"

namespace postern::ports {

void transmit_or_drop(const TxLane& lane, rte_mbuf** frames, uint16_t count, Counters* counters) {
  const uint16_t sent = lane.transmit(frames, count);
  if (lane.is_port()) counters->add(Counter::kFramesOut, sent);
  if (sent == count) return;
  counters->add(Counter::kDropTransmit, count - sent);
  rte_pktmbuf_free_bulk(frames + sent, count - sent);
}

LaneTransmitter::LaneTransmitter(const std::array<Way, 2>& ways, Counters* counters)
    : counters_(counters) {
  for (size_t side = 0; side < ways.size(); ++side) batches_[side].way = ways[side];
}

void LaneTransmitter::send(packet::Frame* frame, packet::Side out) {
  Batch& batch = batches_[static_cast<size_t>(out)];
  batch.frames[batch.count++] = MbufFrameSource::write_back(frame, batch.way.offload);
  if (batch.count == kBatch) flush(batch);
}

void LaneTransmitter::flush() {
  for (Batch& batch : batches_)
    if (batch.count > 0) flush(batch);
}

void LaneTransmitter::flush(Batch& batch) {
  transmit_or_drop(batch.way.lane, batch.frames.data(), batch.count, counters_);
  batch.count = 0;
}

}  // namespace postern::ports
