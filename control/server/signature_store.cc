#include "control/server/signature_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/replace_file.h"
#include "control/server/clock.h"
#include "patterns/artefact/artefact.h"

namespace postern::server {
namespace {

namespace fs = std::filesystem;
using channel::v1::StoredSignatures;
using nlohmann::json;

json to_json(const StoredSignatures& set) {
  return {{"sha256", set.sha256()}, {"digest", set.digest()},       {"name", set.name()},
          {"bytes", set.bytes()},   {"rules", set.rules()},         {"signed_by", set.signed_by()},
          {"author", set.author()}, {"stored", set.stored_unix_s()}};
}

StoredSignatures from_json(const json& object) {
  StoredSignatures set;
  set.set_sha256(object.at("sha256").get<std::string>());
  set.set_digest(object.at("digest").get<std::string>());
  set.set_name(object.at("name").get<std::string>());
  set.set_bytes(object.at("bytes").get<uint64_t>());
  set.set_rules(object.at("rules").get<uint32_t>());
  set.set_signed_by(object.at("signed_by").get<std::string>());
  set.set_author(object.at("author").get<std::string>());
  set.set_stored_unix_s(object.at("stored").get<uint64_t>());
  return set;
}

void fill(const std::map<std::string, StoredSignatures>& sets, const std::string& sha256,
          channel::v1::SignatureFile* file) {
  const StoredSignatures& set = sets.at(sha256);
  file->set_sha256(sha256);
  file->set_bytes(set.bytes());
  file->set_name(set.name());
}

}  // namespace

std::expected<std::unique_ptr<SignatureStore>, std::string> SignatureStore::open(
    const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return std::unexpected(fmt::format("{}, where signature sets are kept, cannot be made: {}",
                                       folder.string(), error.message()));
  }
  std::unique_ptr<SignatureStore> store(new SignatureStore(folder));
  if (std::string what = store->load_index(); !what.empty()) return std::unexpected(what);
  // What an earlier life did not finish.
  std::vector<fs::path> uploads;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".upload") uploads.push_back(entry.path());
  for (const fs::path& path : uploads) fs::remove(path, error);
  return store;
}

fs::path SignatureStore::path_of(const std::string& sha256) const {
  return folder_ / (sha256 + ".psig");
}

std::string SignatureStore::load_index() {
  std::ifstream in(folder_ / "index.json");
  if (!in) return "";
  try {
    const json index = json::parse(in);
    State state;
    state.number = index.at("number").get<uint64_t>();
    for (const json& object : index.at("sets")) {
      StoredSignatures set = from_json(object);
      state.sets[set.sha256()] = std::move(set);
    }
    for (const auto& [gate, pair] : index.at("gates").items())
      state.gates[gate] = {pair.at(0).get<std::string>(), pair.at(1).get<std::string>()};
    const json& all = index.at("all");
    state.all = {all.at(0).get<std::string>(), all.at(1).get<std::string>()};
    state.past = index.at("past").get<std::vector<std::string>>();
    state_ = before_ = std::move(state);
    return "";
  } catch (const json::exception& error) {
    return fmt::format(
        "{}: {}; remove it to begin without sets (gates keep the ones that they have)",
        (folder_ / "index.json").string(), error.what());
  }
}

std::expected<void, std::string> SignatureStore::write_index(const State& state) const {
  json index{{"number", state.number},
             {"sets", json::array()},
             {"gates", json::object()},
             {"all", {state.all.set, state.all.shadow}},
             {"past", state.past}};
  for (const auto& [sha256, set] : state.sets) index["sets"].push_back(to_json(set));
  for (const auto& [gate, pair] : state.gates) index["gates"][gate] = {pair.set, pair.shadow};
  const std::string text = index.dump(1, ' ', false, json::error_handler_t::replace);
  return replace_file(folder_ / "index.json",
                      {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, 0640);
}

fs::path SignatureStore::new_upload() {
  const std::lock_guard guard(mutex_);
  return folder_ / fmt::format("{}.upload", ++uploads_);
}

std::expected<StoredSignatures, std::string> SignatureStore::take(const fs::path& upload,
                                                                  const std::string& name,
                                                                  const std::string& author) {
  const auto file = artefact::read(upload);
  if (!file) {
    // The upload's own name says nothing to anybody.
    const std::string& error = file.error();
    const std::string prefix = upload.string() + ": ";
    return std::unexpected(
        fmt::format("{}: {}", name, error.substr(error.starts_with(prefix) ? prefix.size() : 0)));
  }
  StoredSignatures set;
  set.set_sha256(artefact::hex(artefact::sha256(file->mapping->bytes())));
  set.set_digest(file->digest);
  set.set_name(name);
  set.set_bytes(file->bytes);
  set.set_rules(static_cast<uint32_t>(file->artefact.rules.size()));
  if (file->artefact.signature) set.set_signed_by(file->artefact.signature->signer.id());
  set.set_author(author);
  set.set_stored_unix_s(unix_s());
  const std::lock_guard guard(mutex_);
  std::error_code error;
  fs::rename(upload, path_of(set.sha256()), error);
  if (error) return std::unexpected(fmt::format("{}: {}", upload.string(), error.message()));
  sync_directory(folder_);
  State next = state_;
  next.sets[set.sha256()] = set;
  recent_.push_back(set.sha256());
  if (recent_.size() > kRecent) recent_.pop_front();
  forget_unused(next);
  if (auto done = write_index(next); !done) return std::unexpected(done.error());
  state_ = std::move(next);
  return set;
}

const SignatureStore::Assignment& SignatureStore::of(const State& state, const std::string& gate) {
  const auto own = state.gates.find(gate);
  return own == state.gates.end() ? state.all : own->second;
}

// Sets that are neither in use, nor of the past, nor just come.
void SignatureStore::forget_unused(State& state) const {
  std::set<std::string> used{state.all.set, state.all.shadow};
  used.insert(recent_.begin(), recent_.end());
  used.insert(state.past.begin(), state.past.end());
  for (const auto& [gate, pair] : state.gates) used.insert({pair.set, pair.shadow});
  // A withdrawal may need these.
  used.insert({before_.all.set, before_.all.shadow});
  used.insert(before_.past.begin(), before_.past.end());
  for (const auto& [gate, pair] : before_.gates) used.insert({pair.set, pair.shadow});
  std::error_code error;
  for (auto it = state.sets.begin(); it != state.sets.end();) {
    if (used.contains(it->first)) {
      ++it;
      continue;
    }
    fs::remove(path_of(it->first), error);
    it = state.sets.erase(it);
  }
}

std::expected<uint64_t, std::string> SignatureStore::keep(State next) {
  next.number = state_.number + 1;
  forget_unused(next);
  if (auto done = write_index(next); !done) return std::unexpected(done.error());
  state_ = std::move(next);
  return state_.number;
}

std::expected<uint64_t, std::string> SignatureStore::order(const Change& change) {
  const std::lock_guard guard(mutex_);
  for (const std::string* sha256 : {&change.set, &change.shadow})
    if (!sha256->empty() && !state_.sets.contains(*sha256))
      return std::unexpected(fmt::format("there is no set {} here: load its file", *sha256));
  State next = state_;
  const auto apply = [&](Assignment& assignment) {
    if (change.changes_set) assignment.set = change.set;
    if (change.changes_shadow) assignment.shadow = change.shadow;
  };
  if (change.gates.empty()) {
    apply(next.all);
    for (auto& [gate, assignment] : next.gates) apply(assignment);
    if (change.goes_back) next.past.pop_back();
    if (change.changes_set && (next.past.empty() || next.past.back() != change.set)) {
      // The configured set is something to go back to, too.
      if (next.past.empty()) next.past.push_back("");
      next.past.push_back(change.set);
      if (next.past.size() > kPast) next.past.erase(next.past.begin());
    }
  }
  for (const std::string& gate : change.gates) {
    Assignment assignment = of(next, gate);
    apply(assignment);
    next.gates[gate] = assignment;
  }
  std::erase_if(next.gates, [&](const auto& own) { return own.second == next.all; });
  before_ = state_;
  return keep(std::move(next));
}

std::expected<SignatureStore::Change, std::string> SignatureStore::rollback() const {
  const std::lock_guard guard(mutex_);
  if (state_.past.size() < 2)
    return std::unexpected("there is nothing to roll back to: no set was loaded before this one");
  return Change{.changes_set = true, .set = state_.past[state_.past.size() - 2], .goes_back = true};
}

std::expected<uint64_t, std::string> SignatureStore::withdraw() {
  const std::lock_guard guard(mutex_);
  State next = before_;
  next.sets = state_.sets;
  return keep(std::move(next));
}

channel::v1::SignatureOrder SignatureStore::order_for(const std::string& gate) const {
  const std::lock_guard guard(mutex_);
  channel::v1::SignatureOrder order;
  order.set_number(state_.number);
  const Assignment& assignment = of(state_, gate);
  if (!assignment.set.empty()) fill(state_.sets, assignment.set, order.mutable_set());
  if (!assignment.shadow.empty()) fill(state_.sets, assignment.shadow, order.mutable_shadow());
  return order;
}

channel::v1::SignatureChunk SignatureStore::piece(
    const channel::v1::SignatureRequest& request) const {
  channel::v1::SignatureChunk chunk;
  chunk.set_sha256(request.sha256());
  chunk.set_offset(request.offset());
  {
    const std::lock_guard guard(mutex_);
    if (!state_.sets.contains(request.sha256())) {
      chunk.set_gone("control has dropped the set meanwhile; load it again");
      return chunk;
    }
  }
  std::ifstream in(path_of(request.sha256()), std::ios::binary);
  in.seekg(static_cast<std::streamoff>(request.offset()));
  std::string& data = *chunk.mutable_data();
  data.resize(kPieceBytes);
  in.read(data.data(), static_cast<std::streamsize>(data.size()));
  data.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (data.empty()) chunk.set_gone("control cannot read the set from its disk; load it again");
  return chunk;
}

void SignatureStore::list(channel::v1::ListSignaturesReply* reply) const {
  const std::lock_guard guard(mutex_);
  std::vector<StoredSignatures> sets;
  for (const auto& [sha256, set] : state_.sets) sets.push_back(set);
  std::ranges::stable_sort(
      sets, [](const auto& a, const auto& b) { return a.stored_unix_s() > b.stored_unix_s(); });
  for (StoredSignatures& set : sets) *reply->add_sets() = std::move(set);
  const auto add = [&](const std::string& gate, const Assignment& assignment) {
    auto& row = *reply->add_assignments();
    row.set_gate(gate);
    row.set_set(assignment.set);
    row.set_shadow(assignment.shadow);
  };
  add("", state_.all);
  for (const auto& [gate, assignment] : state_.gates) add(gate, assignment);
  for (const std::string& sha256 : state_.past) reply->add_past(sha256);
}

}  // namespace postern::server
