// The texts of letters when the operator has none of his own.
#pragma once

#include <array>
#include <string_view>

namespace postern::notify {

struct BuiltInTemplate {
  std::string_view what;
  std::string_view text;  // as a file of notify.templates has it
};

// What follows the first paragraphs of every letter about a case that is not over.
#define POSTERN_LETTER_EVIDENCE     \
  "{{messages}}\n"                  \
  "\n"                              \
  "The rules that were hit most:\n" \
  "{{rules}}\n"                     \
  "\n"                              \
  "One of the messages:\n"          \
  "{{sample}}\n"                    \
  "\n"                              \
  "What is probably the matter:\n"  \
  "{{diagnosis}}\n"                 \
  "\n"
#define POSTERN_LETTER_WHAT_TO_DO                          \
  "What is restricted now:\n"                              \
  "{{blocked}}\n"                                          \
  "\n"                                                     \
  "What to do:\n"                                          \
  "{{advice}}\n"                                           \
  "\n"                                                     \
  "The case, its evidence, and the way back to sending:\n" \
  "  {{url}}\n"                                            \
  "\n"
#define POSTERN_LETTER_END                                \
  "Questions: {{reply_to}}. Please name case {{case}}.\n" \
  "\n"                                                    \
  "{{organisation}}\n"

inline constexpr std::array<BuiltInTemplate, 9> kBuiltInTemplates{{
    {"opened",
     "Subject: [{{case}}] Spam from {{subject}}\n"
     "\n"
     "Spam is being sent from {{subject}}, since {{since}}. It was stopped at our mail gate\n"
     "before it could be delivered; the sending server was told so by the SMTP reply.\n"
     "\n"
     "What opened case {{case}}: {{cause}}\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n" POSTERN_LETTER_EVIDENCE POSTERN_LETTER_WHAT_TO_DO POSTERN_LETTER_END},
    {"escalated",
     "Subject: [{{case}}] Spam from {{subject}} goes on\n"
     "\n"
     "Spam from {{subject}} goes on, and more was restricted.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n" POSTERN_LETTER_EVIDENCE POSTERN_LETTER_WHAT_TO_DO POSTERN_LETTER_END},
    {"widened",
     "Subject: [{{case}}] The block on {{subject}} was widened\n"
     "\n"
     "The restriction on {{subject}} now covers more of its mail, because the narrower one did\n"
     "not stop the spam.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n" POSTERN_LETTER_EVIDENCE POSTERN_LETTER_WHAT_TO_DO POSTERN_LETTER_END},
    {"relapsed",
     "Subject: [{{case}}] Spam from {{subject}} again\n"
     "\n"
     "New spam came from {{subject}} while it was on probation. The restrictions are back.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n" POSTERN_LETTER_EVIDENCE POSTERN_LETTER_WHAT_TO_DO POSTERN_LETTER_END},
    {"requested",
     "Subject: [{{case}}] Restoration of {{subject}} is requested\n"
     "\n"
     "Somebody asks that {{subject}} may send again. A person decides, for each switch.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n"
     "What is restricted now:\n"
     "{{blocked}}\n"
     "\n"
     "The case:\n"
     "  {{url}}\n"
     "\n"
     "{{organisation}}\n"},
    {"proposed",
     "Subject: [{{case}}] The range around {{subject}} may be excluded\n"
     "\n"
     "Several servers of one range are blocked. Nothing of the range as a whole was changed: a\n"
     "person decides.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n"
     "What is restricted now:\n"
     "{{blocked}}\n"
     "\n"
     "The case:\n"
     "  {{url}}\n"
     "\n"
     "{{organisation}}\n"},
    {"restored",
     "Subject: [{{case}}] Restrictions on {{subject}} were lifted\n"
     "\n"
     "Something that kept {{subject}} from sending was lifted.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n"
     "What is restricted now:\n"
     "{{blocked}}\n"
     "\n"
     "The case's page:\n"
     "  {{url}}\n"
     "\n" POSTERN_LETTER_END},
    {"probation",
     "Subject: [{{case}}] {{subject}} sends again, on probation\n"
     "\n"
     "Nothing of case {{case}} keeps {{subject}} from sending any more. For a time it is watched,\n"
     "with a quota that rises by steps; new spam brings the restrictions back at once.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n"
     "What holds now:\n"
     "{{blocked}}\n"
     "\n"
     "The case's page:\n"
     "  {{url}}\n"
     "\n" POSTERN_LETTER_END},
    {"closed",
     "Subject: [{{case}}] The case about {{subject}} is closed\n"
     "\n"
     "Case {{case}} about {{subject}} is closed.\n"
     "\n"
     "What happened:\n"
     "{{happened}}\n"
     "\n"
     "What holds now:\n"
     "{{blocked}}\n"
     "\n" POSTERN_LETTER_END},
}};

}  // namespace postern::notify
