// A stand-in for the scanner, linked instead of it: for tests and fuzzers of what surrounds the
// scan.
//
// The literal "SPAM-HERE" in a message scores 10 (rule 0), "SCAN-FAILS" makes the scan fail.
// Matching is across any segmentation. An envelope with the literal scores 10 as well. The last
// message's bytes can be read back.
#pragma once

#include <memory>
#include <string>

#include "dataplane/scan/scanner.h"

namespace postern::scan::testing {

std::shared_ptr<const SignatureSet> literal_set();
// All octets fed to the message that finished last on this thread.
const std::string& last_message();

}  // namespace postern::scan::testing
