// Functions of eval rules that ask about the header: SpamAssassin's HeaderEval and RelayEval. Each
// tells whether the rule hits.
#pragma once

#include "dataplane/scan/evals/eval_plan.h"

namespace postern::scan::evals {

// recipients.cc
bool sorted_recipients(const EvalRule& rule, Facts& facts);
bool similar_recipients(const EvalRule& rule, Facts& facts);
// header_functions.cc
bool shifted_date(const EvalRule& rule, Facts& facts);
bool outlook_message_id(const EvalRule& rule, Facts& facts);
bool illegal_chars(const EvalRule& rule, Facts& facts);
bool subject_is_all_caps(const EvalRule& rule, Facts& facts);
bool header_count_range(const EvalRule& rule, Facts& facts);
bool to_in_subject(const EvalRule& rule, Facts& facts);
bool unresolved_template(const EvalRule& rule, Facts& facts);
bool ratware_name_id(const EvalRule& rule, Facts& facts);
bool ratware_envelope_from(const EvalRule& rule, Facts& facts);
bool missing_to(const EvalRule& rule, Facts& facts);
bool different_from_domains(const EvalRule& rule, Facts& facts);
bool same_from(const EvalRule& rule, Facts& facts);
// forged_received.cc
bool gated_through_remover(const EvalRule& rule, Facts& facts);
bool fake_aol_relay(const EvalRule& rule, Facts& facts);
bool forged_hotmail(const EvalRule& rule, Facts& facts);
bool no_hotmail(const EvalRule& rule, Facts& facts);
bool forged_eudoramail(const EvalRule& rule, Facts& facts);
bool forged_juno(const EvalRule& rule, Facts& facts);
bool forged_gmail(const EvalRule& rule, Facts& facts);
bool forged_yahoo(const EvalRule& rule, Facts& facts);
// relay_functions.cc
bool all_relays_trusted(const EvalRule& rule, Facts& facts);
bool no_relays(const EvalRule& rule, Facts& facts);
bool unreadable_relays(const EvalRule& rule, Facts& facts);
bool helo_of_other_network(const EvalRule& rule, Facts& facts);
bool forged_trail(const EvalRule& rule, Facts& facts);

}  // namespace postern::scan::evals
