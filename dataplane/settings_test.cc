#include "dataplane/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/test_certificates.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr std::string_view kPorts = R"([ports]
inside = "net_null0"
outside = "net_null1"
)";

Settings settings(std::string_view rest) {
  const auto parsed = Settings::parse(std::string(kPorts) + std::string(rest), "gate.toml");
  EXPECT_TRUE(parsed.has_value()) << parsed.error();
  return parsed.value_or(Settings{});
}

std::string error(std::string_view toml) {
  const auto parsed = Settings::parse(toml, "gate.toml");
  EXPECT_FALSE(parsed.has_value()) << toml;
  return parsed ? "" : parsed.error();
}

std::string error_with_ports(std::string_view rest) {
  return error(std::string(kPorts) + std::string(rest));
}

TEST(Settings, TwoPortsAreEnough) {
  const Settings defaults = settings("");
  EXPECT_EQ(defaults.devices[0].port_name, "net_null0");
  EXPECT_EQ(defaults.devices[1].port_name, "net_null1");
  EXPECT_EQ(defaults.workers, 1);
  EXPECT_THAT(defaults.pipeline.mail_ports, ElementsAre(25));
  EXPECT_EQ(defaults.default_treatment, verdict::Treatment::kInspect);
  EXPECT_EQ(defaults.pipeline.idle_timeout_s, 600u);
  EXPECT_TRUE(defaults.huge_pages);
  EXPECT_TRUE(defaults.signature_set.empty());
}

TEST(Settings, TrustedKeysAreKeysOrFilesWithOne) {
  EXPECT_TRUE(settings("").trust.keys.empty());
  EXPECT_FALSE(settings("").trust.allow_unsigned);
  constexpr std::string_view kKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  const auto file = std::filesystem::temp_directory_path() / "postern-settings-test.pub";
  std::ofstream(file) << kKey << " operator\n";
  const Settings s = settings("[signatures]\nallow_unsigned = true\ntrusted_keys = [\"" +
                              std::string(kKey) + "\", \"" + file.string() + "\"]\n");
  std::filesystem::remove(file);
  ASSERT_EQ(s.trust.keys.size(), 2u);
  EXPECT_EQ(s.trust.keys[0].base64(), kKey);
  EXPECT_EQ(s.trust.keys[1], s.trust.keys[0]);
  EXPECT_TRUE(s.trust.allow_unsigned);
  EXPECT_THAT(
      error_with_ports("[signatures]\ntrusted_keys = [\"nothing.pub\"]\n"),
      HasSubstr("signatures.trusted_keys: \"nothing.pub\" is neither a public key nor a file"));
}

TEST(Settings, ValuesReachTheRoomsThatNeedThem) {
  const Settings s = settings(R"([worker]
count = 2
cores = [2, 3, 4]
distribution = "software"
[smtp]
mail_ports = [25, 587]
inspect_inbound = true
[signatures]
set = "/etc/postern/starter.psig"
threshold = 7.5
[policy]
default = "pass"
smuggling = "count"
starttls = "mask"
mid_stream = "reset"
[fail]
no_signature_set = "closed"
scan_error = "open"
memory = "open"
overload = "open"
[limits]
handshakes = 1000
flow_retained_kib = 100
held_mib = 3
fragments = 100
[timeouts]
idle = "1h"
fragments = "45s"
mid_stream = "1m"
[replies]
host = "gate.example"
url = "https://example.com/{case}"
content = "550 5.7.1 No"
[eal]
huge_pages = false
options = ["-m", "900"]
)");
  EXPECT_EQ(s.workers, 2);
  EXPECT_THAT(s.cpus, ElementsAre(2, 3, 4));
  EXPECT_FALSE(s.allow_rss);
  EXPECT_THAT(s.pipeline.mail_ports, ElementsAre(25, 587));
  EXPECT_TRUE(s.pipeline.inspect_inbound);
  EXPECT_EQ(s.signature_set, "/etc/postern/starter.psig");
  EXPECT_EQ(s.pipeline.threshold, 7.5);
  EXPECT_EQ(s.default_treatment, verdict::Treatment::kPass);
  EXPECT_FALSE(s.pipeline.refuse_smuggling);
  EXPECT_TRUE(s.pipeline.mask_starttls);
  EXPECT_EQ(s.pipeline.without_signature_set, worker::FailMode::kClosed);
  EXPECT_EQ(s.pipeline.on_scan_error, worker::FailMode::kOpen);
  EXPECT_EQ(s.pipeline.on_memory_cap, worker::FailMode::kOpen);
  EXPECT_EQ(s.pipeline.on_overload, worker::FailMode::kOpen);
  EXPECT_EQ(s.pipeline.mid_stream, worker::MidStream::kReset);
  EXPECT_EQ(s.pipeline.mid_stream_window_s, 60u);
  EXPECT_EQ(s.pipeline.handshakes, 1000u);
  EXPECT_EQ(s.pipeline.flow_retained_bytes, 102400u);
  EXPECT_EQ(s.pipeline.worker_held_bytes, 3u * 1048576);
  EXPECT_EQ(s.pipeline.idle_timeout_s, 3600u);
  EXPECT_EQ(s.reassembly.datagrams, 100u);
  EXPECT_EQ(s.reassembly.timeout_s, 45u);
  EXPECT_THAT(s.reassembly.mail_ports, ElementsAre(25, 587));
  EXPECT_EQ(s.pipeline.greeting_host, "gate.example");
  EXPECT_THAT(s.pipeline.reply_templates, ElementsAre(Pair("content", "550 5.7.1 No")));
  EXPECT_FALSE(s.huge_pages);
  EXPECT_THAT(s.eal_options, ElementsAre("-m", "900"));
}

TEST(Settings, TheDocumentedFileIsAccepted) {
  const auto parsed = Settings::parse(describe_config(settings_table()), "documented.toml");
  EXPECT_TRUE(parsed.has_value()) << parsed.error();
}

TEST(Settings, TheShippedExampleIsAccepted) {
  const auto parsed = Settings::load(POSTERN_SOURCE_ROOT "/deploy/postern-dataplane.toml");
  EXPECT_TRUE(parsed.has_value()) << parsed.error();
}

TEST(Settings, EveryKeySaysWhatItIsFor) {
  for (const ConfigKey& key : settings_table()) {
    EXPECT_GT(key.help.size(), 20u) << key.name;
    EXPECT_TRUE(key.help.ends_with('.')) << key.name;
  }
}

TEST(Settings, ErrorsNameTheKeyAndWhatMayStandThere) {
  EXPECT_THAT(error("[ports]\ninside = \"net_null0\"\n"), HasSubstr("ports.outside"));
  EXPECT_THAT(error("[ports]\ninside = \"eth0\"\noutside = \"net_null1\"\n"),
              AllOf(HasSubstr("ports.inside"), HasSubstr("\"eth0\" is not a DPDK device")));
  EXPECT_THAT(error("[ports]\ninside = \"net_null0\"\noutside = \"net_null0,size=64\"\n"),
              AllOf(HasSubstr("ports.outside"), HasSubstr("two different ports")));
  EXPECT_THAT(error_with_ports("[worker]\ncount = 0\n"), HasSubstr("worker.count"));
  EXPECT_THAT(error_with_ports("[worker]\ncount = 2\ncores = [1]\n"),
              AllOf(HasSubstr("worker.cores"), HasSubstr("3 are needed")));
  EXPECT_THAT(error_with_ports("[smtp]\nmail_ports = []\n"), HasSubstr("smtp.mail_ports"));
  EXPECT_THAT(error_with_ports("[smtp]\nmail_ports = [70000]\n"), HasSubstr("smtp.mail_ports"));
  EXPECT_THAT(error_with_ports("[policy]\ndefault = \"allow\"\n"),
              AllOf(HasSubstr("policy.default"), HasSubstr("inspect")));
  EXPECT_THAT(error_with_ports("[replies]\ncontent = \"250 Ok\"\n"), HasSubstr("content"));
  EXPECT_THAT(error_with_ports("[signature]\nset = \"x\"\n"), HasSubstr("signature"));
}

TEST(Settings, ThePoolHoldsWhatTheLimitsAllow) {
  // 2 workers, each 4 MiB in buffers of 2 KiB; 2 ports × 2 directions × 3 queues × 1024; rings of
  // 1024 both ways and sides for each; caches.
  const Settings s = settings("[worker]\ncount = 2\n[limits]\nheld_mib = 4\n");
  EXPECT_GE(s.pool_frames(), 2 * 2048 + 12 * 1024 + 2 * 4 * 1024);
  // 8 frames for each datagram under reassembly.
  EXPECT_EQ(settings("[limits]\nfragments = 1600\n").pool_frames() -
                settings("[limits]\nfragments = 160\n").pool_frames(),
            8u * 1440);
  EXPECT_EQ(s.frame_bytes(), 1500u + 14 + 8);
}

TEST(Settings, AControlOnAnotherMachineNeedsCertificatesThatFit) {
  EXPECT_TRUE(settings("").remote_control.empty());
  TestCertificates certificates;
  const TlsFiles edge = certificates.gate("edge-2");
  const auto section = [&](std::string_view address, const TlsFiles& files,
                           std::string_view gate = "edge-2") {
    return fmt::format(
        "[gate]\nid = \"{}\"\n[control]\naddress = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n"
        "ca = \"{}\"\n",
        gate, address, files.certificate.string(), files.key.string(), files.authorities.string());
  };
  EXPECT_EQ(settings(section("tls://control.test:4711", edge)).remote_control, "control.test:4711");
  EXPECT_EQ(settings(section("tls://[2001:db8::1]:4711", edge)).remote_control,
            "[2001:db8::1]:4711");
  for (const char* wrong : {"control.test:4711", "tls://control.test", "tls://:4711",
                            "tls://2001:db8::1:4711", "tls://a:0", "tls://a/b:4711"})
    EXPECT_THAT(error_with_ports(section(wrong, edge)), HasSubstr("tls://HOST:PORT")) << wrong;

  EXPECT_THAT(error_with_ports("[control]\naddress = \"tls://a:1\"\n"),
              HasSubstr("control.certificate: names no file"));
  TlsFiles mixed = edge;
  mixed.key = certificates.control().key;
  EXPECT_THAT(error_with_ports(section("tls://a:1", mixed)), HasSubstr("is not the key of"));
  EXPECT_THAT(error_with_ports(section("tls://a:1", edge, "edge-3")),
              HasSubstr("is for edge-2, and gate.id is edge-3"));
  EXPECT_THAT(error_with_ports("[control]\nca = \"/x.pem\"\n"),
              HasSubstr("name it in control.address"));
}

}  // namespace
}  // namespace postern
