// Ordinary mail text, by which costs are estimated when the operator gives none of his own.
#pragma once

#include "patterns/compile/placement.h"

namespace postern::compile {

// For every target. Written for this purpose: letters, lists, notices, quoted text, mark-up and
// addresses as business mail has them, mostly English, some German, French and Spanish.
const Sample& default_sample();

}  // namespace postern::compile
