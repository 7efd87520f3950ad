#include "dataplane/signature_intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace postern {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::SignatureChunk;
using channel::v1::SignatureOrder;
using channel::v1::ToDataPlane;

constexpr std::chrono::seconds kCollectEvery{1};

SignatureFile from_wire(const channel::v1::SignatureFile& file) {
  SignatureFile out{file.sha256(), file.bytes(), file.name()};
  // One line of the order's file.
  for (char& c : out.name)
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  return out;
}

uint64_t milliseconds_since(std::chrono::steady_clock::time_point begin) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now() - begin)
                                   .count());
}

}  // namespace

std::expected<std::unique_ptr<SignatureIntake>, std::string> SignatureIntake::create(
    const Config& config, SignatureHandover& handover, Send send) {
  auto files = SignatureFiles::open(config.folder);
  if (!files) return std::unexpected(files.error());
  return std::unique_ptr<SignatureIntake>(
      new SignatureIntake(config, std::move(*files), handover, std::move(send)));
}

SignatureIntake::~SignatureIntake() { stop(); }

void SignatureIntake::take_up() {
  const WantedSignatures kept = files_.order().value_or(WantedSignatures{});
  const auto attempt = [this](const WantedSignatures& wanted) {
    const auto done = put_in_force(wanted, false);
    if (!done) spdlog::error("{}", done.error());
    return done.has_value();
  };
  // A shadow set that fails shall not cost the set, nor a pushed set scanning at all.
  const bool done = attempt(kept) || (kept.shadow && attempt({kept.set, std::nullopt})) ||
                    (kept.set && attempt({}));
  if (done && handover_.in_force().set != nullptr) log_in_force();
}

void SignatureIntake::start() {
  thread_ = std::thread([this] { run(); });
}

void SignatureIntake::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SignatureIntake::receive(const ToDataPlane& message) {
  if (message.has_signature_order()) push(message.signature_order());
  if (message.has_signature_chunk()) push(message.signature_chunk());
}

void SignatureIntake::reload_configured() { push(Reload{}); }

void SignatureIntake::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kMostTasks) return;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void SignatureIntake::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (tasks_.empty()) {
      changed_.wait_for(lock, kCollectEvery, [this] { return stopping_ || !tasks_.empty(); });
    }
    std::optional<Task> task;
    if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    lock.unlock();
    if (task) std::visit([this](const auto& what) { work(what); }, *task);
    handover_.collect();
    lock.lock();
  }
}

void SignatureIntake::work(Reload) {
  if (in_force_.set) {
    spdlog::warn(
        "{} is in force by order of control: {} is not read until `postern signatures unload`",
        in_force_.set->name, config_.configured.string());
    return;
  }
  if (const auto done = put_in_force(in_force_, true); done)
    log_in_force();
  else if (const auto sets = handover_.in_force(); sets.set != nullptr)
    spdlog::error("{}; {} stays in force", done.error(), sets.set->digest());
  else
    spdlog::error("{}; there is no signature set", done.error());
}

void SignatureIntake::work(const SignatureOrder& order) {
  files_.abandon();
  order_number_ = order.number();
  wanted_ = WantedSignatures{};
  if (order.has_set()) wanted_->set = from_wire(order.set());
  if (order.has_shadow()) wanted_->shadow = from_wire(order.shadow());
  pursue();
}

void SignatureIntake::work(const SignatureChunk& chunk) {
  const SignatureFile* arriving = files_.arriving();
  if (arriving == nullptr || chunk.sha256() != arriving->sha256) return;  // of an order before
  if (!chunk.gone().empty()) return answer(false, chunk.gone());
  const auto whole = files_.add(
      chunk.offset(), {reinterpret_cast<const uint8_t*>(chunk.data().data()), chunk.data().size()});
  if (!whole) return answer(false, whole.error());
  if (*whole) return pursue();
  request();
}

void SignatureIntake::request() {
  FromDataPlane message;
  message.mutable_signature_request()->set_sha256(files_.arriving()->sha256);
  message.mutable_signature_request()->set_offset(files_.arrived());
  send_(std::move(message));
}

void SignatureIntake::pursue() {
  for (const auto* file : {&wanted_->set, &wanted_->shadow}) {
    if (!*file || files_.holds(**file)) continue;
    if (auto begun = files_.begin(**file); !begun) return answer(false, begun.error());
    return request();
  }
  const bool known = *wanted_ == in_force_ && handover_.in_force().set != nullptr;
  if (!known) {
    if (auto done = put_in_force(*wanted_, false); !done) return answer(false, done.error());
    log_in_force();
  }
  if (auto kept = files_.keep_order(*wanted_); !kept) {
    return answer(false, fmt::format("it is in force, but not after a restart: {}", kept.error()));
  }
  files_.remove_all_but(*wanted_);
  answer(true, "");
}

void SignatureIntake::answer(bool in_force, const std::string& reason) {
  if (!in_force) {
    spdlog::error("a signature set from control was refused: {}", reason);
    files_.abandon();
    files_.remove_all_but(in_force_);
  }
  wanted_.reset();
  FromDataPlane message;
  auto& out = *message.mutable_signature_answer();
  out.set_number(order_number_);
  out.set_in_force(in_force);
  out.set_reason(reason);
  out.set_load_ms(static_cast<uint32_t>(load_ms_));
  send_(std::move(message));
}

std::expected<void, std::string> SignatureIntake::put_in_force(const WantedSignatures& wanted,
                                                               bool read_again) {
  if (wanted.shadow && !config_.shadows)
    return std::unexpected("this gate runs no shadow sets: its limits.shadow_messages is 0");
  const auto begin = std::chrono::steady_clock::now();
  const SignatureHandover::Sets now = handover_.in_force();
  SignatureHandover::Sets sets;
  if (now.set != nullptr && wanted.set == in_force_.set && !read_again) {
    sets.set = now.set;
  } else {
    auto loaded = wanted.set ? load_pushed(*wanted.set) : load_configured();
    if (!loaded) return std::unexpected(loaded.error());
    sets.set = *loaded;
  }
  if (wanted.shadow && wanted.shadow == in_force_.shadow) {
    sets.shadow = now.shadow;
  } else if (wanted.shadow) {
    auto loaded = load_pushed(*wanted.shadow);
    if (!loaded) return std::unexpected(loaded.error());
    sets.shadow = *loaded;
  }
  if (sets.set == now.set && sets.shadow == now.shadow && now.set != nullptr) return {};
  if (auto done = handover_.put_in_force(std::move(sets)); !done) return done;
  load_ms_ = milliseconds_since(begin);
  in_force_ = wanted;
  pushed_.store(wanted.set.has_value());
  return {};
}

SignatureIntake::Loaded SignatureIntake::load_configured() {
  if (config_.configured.empty()) return SignatureHandover::Set();
  // Operators copy files over each other.
  return judge(artefact::MappedFile::private_copy(config_.configured, files_.folder()),
               config_.configured.string(), config_.configured.filename().string());
}

SignatureIntake::Loaded SignatureIntake::load_pushed(const SignatureFile& file) {
  const std::string path = files_.path_of(file).string();
  return judge(artefact::MappedFile::open(path), file.name, file.name);
}

SignatureIntake::Loaded SignatureIntake::judge(
    std::expected<std::shared_ptr<const artefact::MappedFile>, std::string> mapping,
    const std::string& path, const std::string& name) {
  if (!mapping) return std::unexpected(mapping.error());
  auto file = artefact::read(std::move(*mapping), path);
  if (!file) return std::unexpected(file.error());
  if (auto trusted = config_.trust.check(file->artefact); !trusted)
    return std::unexpected(fmt::format("{}: {}", path, trusted.error()));
  return scan::SignatureSet::make(std::move(*file), name);
}

void SignatureIntake::log_in_force() const {
  const SignatureHandover::Sets sets = handover_.in_force();
  if (sets.set == nullptr) {
    spdlog::warn("no signature set is in force");
  } else {
    spdlog::info("signature set {} in force{}: {} rules, {}", sets.set->name(),
                 in_force_.set ? " by order of control" : "", sets.set->rule_count(),
                 sets.set->digest());
  }
  if (sets.shadow != nullptr) {
    spdlog::info("signature set {} in the shadow: {} rules, {}", sets.shadow->name(),
                 sets.shadow->rule_count(), sets.shadow->digest());
  }
}

}  // namespace postern
