#include "dataplane/agent/verdict_intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "dataplane/agent/wire.h"

namespace postern::agent {
namespace {
// Verdicts that a copy takes in one step; a push waits for one step at most.
constexpr uint32_t kCopyStep = 1 << 14;
}  // namespace

VerdictIntake::VerdictIntake(verdict::VerdictTable& table, Answer answer)
    : table_(table), answer_(std::move(answer)) {}

std::expected<std::unique_ptr<VerdictIntake>, std::string> VerdictIntake::create(
    const VerdictFileConfig& config, verdict::VerdictTable& table, Answer answer) {
  std::unique_ptr<VerdictIntake> intake(new VerdictIntake(table, std::move(answer)));
  const auto durable = [self = intake.get()](const std::string& epoch, uint64_t version) {
    channel::v1::FromDataPlane message;
    message.mutable_ack()->set_epoch(epoch);
    message.mutable_ack()->set_version(version);
    self->answer_(std::move(message));
  };
  auto file = VerdictFile::create(config, durable, [self = intake.get()] { return self->copy(); });
  if (!file) return std::unexpected(std::move(file.error()));
  intake->file_ = std::move(*file);
  return intake;
}

std::expected<void, std::string> VerdictIntake::start() {
  const VerdictFile::Loaded loaded = file_->load();
  for (const std::string& note : loaded.notes) spdlog::warn("{}", note);
  {
    const std::lock_guard lock(mutex_);
    if (auto done = table_.replace_all(loaded.held.verdicts, loaded.held.narrow); !done) {
      return std::unexpected(fmt::format(
          "the verdicts on disk cannot be put in force: {}: configure a larger capacity, or remove "
          "the verdict files to start with none",
          done.error()));
    }
    version_ = {loaded.held.epoch, loaded.held.version};
  }
  if (!version_.epoch.empty()) {
    spdlog::info("verdicts from disk are in force: {} of version {}",
                 table_.size() + table_.narrow_size(), version_.number);
  }
  file_->start();
  return {};
}

void VerdictIntake::stop() { file_->stop(); }

VerdictIntake::Version VerdictIntake::in_force() const {
  const std::lock_guard lock(mutex_);
  return table_.whole() ? version_ : Version{};
}

void VerdictIntake::connected() {
  collecting_.reset();
  const std::lock_guard lock(mutex_);
  awaiting_snapshot_ = !table_.whole();
}

void VerdictIntake::refuse(const std::string& reason) {
  awaiting_snapshot_ = true;
  const Version held = in_force();
  spdlog::warn("verdicts refused: {}; going on with version {}", reason, held.number);
  channel::v1::FromDataPlane message;
  message.mutable_nack()->set_epoch(held.epoch);
  message.mutable_nack()->set_held_version(held.number);
  message.mutable_nack()->set_reason(reason);
  answer_(std::move(message));
}

void VerdictIntake::receive(const channel::v1::SnapshotPart& part) {
  if (!collecting_ || collecting_->epoch != part.epoch() ||
      collecting_->version != part.version()) {
    collecting_ = std::make_unique<HeldVerdicts>(HeldVerdicts{part.epoch(), part.version(), {}});
    collecting_error_.clear();
    if (part.epoch().empty() || part.epoch().size() > kMaxEpochBytes) {
      collecting_error_ = fmt::format("an epoch must have 1 to {} characters", kMaxEpochBytes);
    }
  }
  for (const auto& wire : part.verdicts()) {
    if (!collecting_error_.empty()) break;
    if (const auto verdict = from_wire(wire)) {
      collect(*verdict);
    } else {
      collecting_error_ = verdict.error();
    }
  }
  if (!part.last()) return;

  const std::shared_ptr<const HeldVerdicts> all = std::exchange(collecting_, nullptr);
  if (!collecting_error_.empty()) return refuse(collecting_error_);
  std::expected<void, std::string> done;
  {
    const std::lock_guard lock(mutex_);
    done = table_.replace_all(all->verdicts, all->narrow);
    ++replacements_;
    if (done) {
      version_ = {all->epoch, all->version};
      file_->replace(all);
    }
  }
  if (!done) return refuse(done.error());
  awaiting_snapshot_ = false;
  spdlog::info("verdicts in force: {} of version {}", table_.size() + table_.narrow_size(),
               all->version);
}

void VerdictIntake::collect(const AnyVerdict& verdict) {
  const auto keep = [this](auto& held, const auto& one, uint32_t capacity, std::string_view what) {
    if (held.size() < capacity) return held.push_back(one);
    collecting_error_ =
        fmt::format("the snapshot has more {} than the configured capacity of {}", what, capacity);
  };
  if (const auto* whole = std::get_if<verdict::PrefixVerdict>(&verdict)) {
    return keep(collecting_->verdicts, *whole, table_.capacity(), "verdicts");
  }
  keep(collecting_->narrow, std::get<verdict::NarrowVerdict>(verdict), table_.narrow_capacity(),
       "blocks on parts of senders");
}

void VerdictIntake::receive(const channel::v1::Delta& wire) {
  if (awaiting_snapshot_) return;  // control knows already
  auto delta = from_wire(wire);
  if (!delta) return refuse(delta.error());
  const auto held = in_force();
  if (wire.epoch() != held.epoch || delta->from_version != held.number) {
    return refuse(fmt::format("a change of version {} of '{}', but version {} of '{}' is held",
                              delta->from_version, wire.epoch(), held.number, held.epoch));
  }
  const auto change = std::make_shared<const VerdictDelta>(std::move(*delta));
  std::expected<void, std::string> done;
  {
    const std::lock_guard lock(mutex_);
    done = table_.apply(change->upserts, change->removals, change->narrow_upserts,
                        change->narrow_removals);
    if (done) {
      version_.number = change->to_version;
      file_->append(version_.epoch, change);
    }
  }
  if (!done) refuse(done.error());
}

std::optional<HeldVerdicts> VerdictIntake::copy() {
  HeldVerdicts out;
  uint64_t replacements;
  {
    const std::lock_guard lock(mutex_);
    if (!table_.whole() || version_.epoch.empty()) return std::nullopt;
    out.epoch = version_.epoch;
    out.version = version_.number;
    replacements = replacements_;
    out.verdicts.reserve(table_.size());
    out.narrow.assign(table_.narrow_held().begin(), table_.narrow_held().end());
  }
  uint32_t place = 0;
  do {
    const std::lock_guard lock(mutex_);
    if (!table_.whole() || replacements != replacements_) return std::nullopt;
    place = table_.visit_some(place, kCopyStep,
                              [&](const verdict::PrefixVerdict& v) { out.verdicts.push_back(v); });
  } while (place != 0);
  return out;
}

}  // namespace postern::agent
