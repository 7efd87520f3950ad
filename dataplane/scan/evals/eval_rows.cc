#include <algorithm>
#include "dataplane/mime/html_elements.h"

#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/header_functions.h"
#include "dataplane/scan/evals/senders.h"

namespace postern::scan::evals {
namespace {

bool between(double value, const EvalRule& rule) {
  return value > rule.numbers[0] && value <= rule.numbers[1];
}

constexpr uint8_t kReading = kNeedsReading;
constexpr uint8_t kHeaders = kNeedsHeaders;
constexpr uint8_t kText = kNeedsText;
constexpr uint8_t kLinkTexts = kNeedsLinkTexts | kNeedsReading;
constexpr uint8_t kAddresses = kNeedsAddresses | kNeedsReading;

using R = const EvalRule&;
using F = Facts&;

constexpr std::array kRows{
    EvalRow{"html_tag_balance", Stage::kHtmlPart, kReading,
            [](R rule, F facts) {
              const auto open = facts.html.inside(rule.tag);
              return open && rule.comparison.holds(*open);
            }},
    EvalRow{"html_tag_exists", Stage::kHtmlPart, kReading,
            [](R rule, F facts) { return facts.html.inside(rule.tag).has_value(); }},
    EvalRow{"html_image_only", Stage::kHtmlPart, kReading,
            [](R rule, F facts) {
              constexpr uint32_t kImage = mime::element("img");
              return facts.html.inside(kImage) &&
                     between(static_cast<double>(facts.html.length()), rule);
            }},
    EvalRow{"html_image_ratio", Stage::kHtmlPart, kReading,
            [](R rule, F facts) {
              const double area = facts.html.image_area();
              return area > 0 && between(static_cast<double>(facts.html.letters()) / area, rule);
            }},
    EvalRow{"html_test", Stage::kHtmlPart, kReading,
            [](R rule, F facts) { return facts.html.flag(rule.word); }},
    EvalRow{"html_eval", Stage::kHtmlPart, kReading,
            [](R rule, F facts) {
              const auto value = facts.html.number(rule.word);
              return value && rule.comparison.holds(*value);
            }},
    EvalRow{"html_range", Stage::kHtmlPart, kReading,
            [](R rule, F facts) {
              const auto value = facts.html.number(rule.word);
              return value && *value > rule.numbers[1] && *value <= rule.numbers[2];
            }},
    EvalRow{"html_text_match", Stage::kHtmlText, kReading, nullptr},
    EvalRow{"html_text_not_match", Stage::kHtmlText, kReading, nullptr},
    EvalRow{"html_title_subject_ratio", Stage::kEnd, kReading | kHeaders,
            [](R rule, F facts) {
              const auto subject = static_cast<double>(facts.headers.get(Field::kSubject).size());
              const auto title = static_cast<double>(facts.longest_title);
              return subject > 0 && title / subject > rule.numbers[0];
            }},
    EvalRow{"check_iframe_src", Stage::kHtmlPart, kReading,
            [](R, F facts) { return facts.html.has_frame(); }},

    EvalRow{"check_for_mime", Stage::kEnd, kReading,
            [](R rule, F facts) { return facts.mime.fact(rule.word) != 0; }},
    EvalRow{"check_for_mime_html", Stage::kEnd, kReading,
            [](R, F facts) { return facts.mime.is_html(); }},
    EvalRow{"check_for_mime_html_only", Stage::kEnd, kReading,
            [](R, F facts) { return facts.mime.is_html_only(); }},
    EvalRow{"check_mime_multipart_ratio", Stage::kEnd, kReading,
            [](R rule, F facts) {
              const double ratio = facts.mime.multipart_ratio();
              return ratio >= rule.numbers[0] && ratio < rule.numbers[1];
            }},
    EvalRow{"check_msg_parse_flags", Stage::kEnd, kReading,
            [](R rule, F facts) { return facts.mime.parse_flag(rule.word); }},
    EvalRow{"check_for_ascii_text_illegal", Stage::kEnd, kReading,
            [](R, F facts) { return facts.mime.illegal_ascii(); }},
    EvalRow{"check_abundant_unicode_ratio", Stage::kEnd, kReading,
            [](R rule, F facts) { return facts.mime.unicode_ratio() >= rule.numbers[0]; }},
    EvalRow{"check_base64_length", Stage::kEnd, kReading,
            [](R rule, F facts) {
              const auto length = static_cast<double>(facts.mime.base64_length());
              return length >= rule.numbers[0] && (rule.arguments < 2 || length <= rule.numbers[1]);
            }},
    EvalRow{"check_qp_ratio", Stage::kEnd, kReading,
            [](R rule, F facts) { return facts.mime.quoted_printable_ratio() >= rule.numbers[0]; }},
    EvalRow{"check_ma_non_text", Stage::kEnd, kReading,
            [](R, F facts) { return facts.mime.alternative_without_text(); }},
    EvalRow{"check_for_uppercase", Stage::kEnd, kReading | kText,
            [](R rule, F facts) {
              return between(facts.mime.has_caseless_charset() ? 0 : facts.text.capitals(), rule);
            }},

    EvalRow{
        "check_body_length", Stage::kEnd, kNeedsLength,
        [](R rule, F facts) { return static_cast<double>(facts.body_bytes) <= rule.numbers[0]; }},
    EvalRow{"check_blank_line_ratio", Stage::kEnd, kText,
            [](R rule, F facts) {
              const double ratio = facts.text.blank_lines(rule.arguments < 3 ? 1 : rule.numbers[2]);
              return ratio <= rule.numbers[1] && (rule.numbers[0] == 0 || ratio > rule.numbers[0]);
            }},
    EvalRow{"tvd_vertical_words", Stage::kEnd, kText,
            [](R rule, F facts) {
              const double most = rule.numbers[1] >= 100 ? 101 : rule.numbers[1];
              return facts.text.most_blanks() >= rule.numbers[0] && facts.text.most_blanks() < most;
            }},
    EvalRow{"check_stock_info", Stage::kEnd, kReading,
            [](R rule, F facts) { return facts.stock_labels >= rule.numbers[0]; }},
    EvalRow{"multipart_alternative_difference", Stage::kEnd, kReading,
            [](R rule, F facts) {
              const double difference = facts.words.difference();
              return (rule.numbers[0] == 0 || difference > rule.numbers[0]) &&
                     difference <= rule.numbers[1];
            }},
    EvalRow{"multipart_alternative_difference_count", Stage::kEnd, kReading,
            [](R rule, F facts) {
              const double html = facts.words.html_words();
              return html > rule.numbers[1] && facts.words.text_words() / html > rule.numbers[0];
            }},

    EvalRow{"check_for_shifted_date", Stage::kEnd, kHeaders, shifted_date},
    EvalRow{"check_illegal_chars", Stage::kEnd, kHeaders, illegal_chars},
    EvalRow{"subject_is_all_caps", Stage::kEnd, kHeaders, subject_is_all_caps},
    EvalRow{"sorted_recipients", Stage::kEnd, kHeaders, sorted_recipients},
    EvalRow{"similar_recipients", Stage::kEnd, kHeaders, similar_recipients},
    EvalRow{"check_header_count_range", Stage::kEnd, kHeaders, header_count_range},
    EvalRow{"check_for_to_in_subject", Stage::kEnd, kHeaders, to_in_subject},
    EvalRow{"check_outlook_message_id", Stage::kEnd, kHeaders, outlook_message_id},
    EvalRow{"check_unresolved_template", Stage::kEnd, kHeaders, unresolved_template},
    EvalRow{"check_ratware_name_id", Stage::kEnd, kHeaders, ratware_name_id},
    EvalRow{"check_ratware_envelope_from", Stage::kEnd, kHeaders, ratware_envelope_from},
    EvalRow{"check_for_missing_to_header", Stage::kEnd, kHeaders, missing_to},
    EvalRow{"check_equal_from_domains", Stage::kEnd, kHeaders, different_from_domains},
    EvalRow{"check_for_matching_env_and_hdr_from", Stage::kEnd, kHeaders, same_from},
    EvalRow{"gated_through_received_hdr_remover", Stage::kEnd, kHeaders, gated_through_remover},
    EvalRow{"check_for_fake_aol_relay_in_rcvd", Stage::kEnd, kHeaders, fake_aol_relay},
    EvalRow{"check_for_forged_hotmail_received_headers", Stage::kEnd, kHeaders, forged_hotmail},
    EvalRow{"check_for_no_hotmail_received_headers", Stage::kEnd, kHeaders, no_hotmail},
    EvalRow{"check_for_forged_eudoramail_received_headers", Stage::kEnd, kHeaders,
            forged_eudoramail},
    EvalRow{"check_for_forged_juno_received_headers", Stage::kEnd, kHeaders, forged_juno},
    EvalRow{"check_for_forged_gmail_received_headers", Stage::kEnd, kHeaders, forged_gmail},
    EvalRow{"check_for_forged_yahoo_received_headers", Stage::kEnd, kHeaders, forged_yahoo},

    EvalRow{"check_all_trusted", Stage::kEnd, kHeaders, all_relays_trusted},
    EvalRow{"check_no_relays", Stage::kEnd, kHeaders, no_relays},
    EvalRow{"check_relays_unparseable", Stage::kEnd, kHeaders, unreadable_relays},
    EvalRow{"helo_ip_mismatch", Stage::kEnd, kHeaders, helo_of_other_network},
    EvalRow{"check_for_forged_received_trail", Stage::kEnd, kHeaders, forged_trail},

    EvalRow{"check_freemail_from", Stage::kEnd, kHeaders, free_mail_from},
    EvalRow{"check_freemail_replyto", Stage::kEnd, kHeaders | kAddresses, free_mail_reply_to},
    EvalRow{"check_freemail_header", Stage::kEnd, kHeaders, free_mail_header},
    EvalRow{"check_freemail_body", Stage::kEnd, kHeaders | kAddresses, free_mail_body},

    EvalRow{"check_mailfrom_matches_rcvd", Stage::kEnd, kHeaders, sender_of_relay},
    EvalRow{"check_from_in_list", Stage::kEnd, kHeaders, sender_in_list},
    EvalRow{"check_to_in_list", Stage::kEnd, kHeaders, recipient_in_list},
    EvalRow{"check_replyto_in_list", Stage::kEnd, kHeaders, reply_to_in_list},

    EvalRow{"check_fromname_spoof", Stage::kEnd, kHeaders, from_name_spoof},
    EvalRow{"check_fromname_different", Stage::kEnd, kHeaders, from_name_has<kOtherAddress>},
    EvalRow{"check_fromname_domain_differ", Stage::kEnd, kHeaders, from_name_has<kOtherDomain>},
    EvalRow{"check_fromname_owners_differ", Stage::kEnd, kHeaders, from_name_has<kOtherOwner>},
    EvalRow{"check_fromname_contains_email", Stage::kEnd, kHeaders, from_name_has<kNameHasAddress>},
    EvalRow{"check_fromname_equals_to", Stage::kEnd, kHeaders, from_name_has<kNameIsRecipient>},
    EvalRow{"check_fromname_equals_replyto", Stage::kEnd, kHeaders, from_name_has<kNameIsReplyTo>},

    EvalRow{"check_https_http_mismatch", Stage::kHtmlPart, kLinkTexts,
            [](R rule, F facts) {
              const double least = rule.numbers[0] == 0 ? 1 : rule.numbers[0];
              return facts.links.other_host() && facts.links.links() >= least &&
                     (rule.arguments < 2 || facts.links.links() < rule.numbers[1]);
            }},
    EvalRow{"check_https_ip_mismatch", Stage::kHtmlPart, kLinkTexts,
            [](R, F facts) { return facts.links.address_for_name(); }},
};

}  // namespace

std::span<const EvalRow> eval_rows() { return kRows; }

}  // namespace postern::scan::evals
