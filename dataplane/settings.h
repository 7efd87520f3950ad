// The data plane's configuration: its table of keys, and what the values mean to each room.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/tls_files.h"
#include "dataplane/ports/eal.h"
#include "dataplane/ports/reassembly.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/pipeline.h"
#include "patterns/artefact/artefact.h"

namespace postern {

// Every key that the file may hold; also what --help-config prints.
std::span<const ConfigKey> settings_table();

struct Settings {
  std::string gate;
  std::array<ports::Device, 2> devices;  // by packet::Side
  uint16_t mtu = 1500;
  uint16_t descriptors = 1024;
  uint16_t workers = 1;
  std::vector<int> cpus;  // of the workers, then of the distributor
  uint32_t idle_sleep_us = 0;
  bool allow_rss = true;
  worker::PipelineConfig pipeline;      // of every worker, but for its number
  ports::ReassemblyConfig reassembly;   // of every lcore that polls ports
  std::filesystem::path signature_set;  // empty: none
  artefact::TrustPolicy trust;          // of signature sets
  verdict::Treatment default_treatment = verdict::Treatment::kInspect;
  uint32_t verdicts = 0;       // held at once
  uint32_t narrow_blocks = 0;  // on parts of senders' mail
  uint32_t event_queue = 0;    // events between a worker and the agent
  uint32_t event_spool = 0;    // events kept while the control plane is away
  std::string control_socket;
  std::string remote_control;       // "HOST:PORT"; empty: control is on this machine
  TlsFiles control_files;           // of a remote control, as are the rest
  std::string control_server_name;  // empty: HOST
  std::filesystem::path state_directory;
  std::string log_level;
  bool huge_pages = true;
  std::vector<std::string> eal_options;

  // The errors are load_config()'s and those of values that contradict each other; all at once.
  static std::expected<Settings, std::string> load(const std::filesystem::path& file);
  static std::expected<Settings, std::string> parse(std::string_view toml, std::string_view name);

  // Frames that the pool must hold so that every limit can be reached at once.
  uint32_t pool_frames() const;
  // Bytes of the longest frame: the MTU, the Ethernet header and two VLAN tags.
  uint32_t frame_bytes() const { return mtu + 22; }
};

}  // namespace postern
