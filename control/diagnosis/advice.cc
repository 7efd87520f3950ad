// What to do about each kind of finding, for the admin of the server.
#include <fmt/format.h>

#include <algorithm>

#include "control/diagnosis/rules.h"

namespace postern::diagnosis {
namespace {

using Advice = std::vector<std::string>;

constexpr size_t kMostAdvice = 12;

Advice about_password(const Finding& finding) {
  const std::string of =
      finding.user.empty() ? std::string("every user who is named in the evidence") : finding.user;
  return {fmt::format("Change the password of {} now, and end all open sessions of that account: "
                      "a changed password alone does not close them.",
                      of),
          fmt::format("Look in the server's log for logins of {} from addresses that do not "
                      "belong to that person, and since when.",
                      of),
          "Have that person's machines checked for malware before the new password is typed there.",
          "Look for rules of that mailbox which forward or delete mail: remove what the owner did "
          "not make."};
}

Advice about_relay(const Finding&) {
  return {
      "Let the server relay only for users who log in and for your own networks (Postfix: "
      "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "
      "reject_unauth_destination).",
      "Check what counts as your own network: a wide mynetworks, or a proxy or router in front "
      "that hides who connects, makes everybody one of yours.",
      "Check for users' mail that is forwarded outside: spam that is forwarded looks the same.",
      "Have the server probed again when it is closed: only a probe shows that it is."};
}

Advice about_host(const Finding& finding) {
  const std::string which =
      finding.addresses.empty() ? std::string("that machine") : finding.addresses.front();
  return {fmt::format("Take {} off the network until it was cleaned or installed anew.", which),
          "Let only the mail server itself connect to port 25 outside.",
          "Ask for a login on the mail server also from inside (port 587), so that an infected "
          "machine cannot use it."};
}

Advice about_script(const Finding& finding) {
  return {fmt::format("Switch off the script {} or take it off the web server.", finding.script),
          "Look for files on the web server that you did not put there, and for when the script "
          "was changed last.",
          "Update the web software and its extensions, and change the passwords it knows.",
          "A contact form: let it send to your own addresses only, and limit how often."};
}

Advice about_tries(const Finding&) {
  return {"Limit failed logins for each address and account (fail2ban, or the server's own limit).",
          "Remove accounts as guest and test, and give every account a password that is used "
          "nowhere else.",
          "Offer logins on ports 587 and 465 only, not on port 25."};
}

Advice about_own(const Finding&) {
  return {
      "Look which program on the server hands in this mail: the server's log names the account.",
      "A mailing of your own: send it only to who has asked for it, and remove addresses that "
      "were refused.",
      "Look for programs on the server that you did not install."};
}

Advice about_unknown(const Finding&) {
  return {
      "Look in the server's log for the messages that the evidence names: who handed them in, "
      "and with which login.",
      "Let the server write who had logged in into the Received line (Postfix: "
      "smtpd_sasl_authenticated_header = yes): the diagnosis can name users then.",
      "Have the server probed for an open relay."};
}

Advice about(const Finding& finding) {
  switch (finding.kind) {
    case Kind::kStolenPassword:
      return about_password(finding);
    case Kind::kOpenRelay:
      return about_relay(finding);
    case Kind::kInfectedHost:
      return about_host(finding);
    case Kind::kWebScript:
      return about_script(finding);
    case Kind::kBruteForce:
      return about_tries(finding);
    case Kind::kOwnSpam:
      return about_own(finding);
    case Kind::kUnknown:
      break;
  }
  return about_unknown(finding);
}

}  // namespace

std::vector<std::string> advice_for(const Diagnosis& diagnosis) {
  Advice out;
  const auto add = [&](const std::string& line) {
    if (out.size() < kMostAdvice && std::ranges::find(out, line) == out.end()) out.push_back(line);
  };
  for (const Finding& finding : diagnosis.findings) {
    const bool counts =
        &finding == &diagnosis.findings.front() || finding.confidence != Confidence::kLow;
    if (!counts) continue;
    for (const std::string& line : about(finding)) add(line);
  }
  if (diagnosis.probe && diagnosis.probe->state == RelayState::kUndecided)
    add("The probe for an open relay was not decided: have it repeated.");
  out.push_back(
      "Then remove what is left of the spam in the server's queue: until that is done, it is sent "
      "again and again.");
  return out;
}

}  // namespace postern::diagnosis
