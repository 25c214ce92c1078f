#include "agent/core/survey.h"

namespace punchline {

Survey survey(Pass& pass, Position from, const SurveyLimits& limits,
              const std::function<bool(ByteRange)>& counts) {
  Survey found;
  pass.restart(from);
  while (pass.at() - from < limits.bytes_max && found.records < limits.records_max) {
    const auto filled = pass.fill(limits.until);
    if (!filled || *filled == Pass::Fill::no_memory) break;
    found.is_all = *filled == Pass::Fill::end_of_data;
    if (found.is_all) break;
    for (; pass.has_item(limits.until); pass.skip()) {
      const auto& item = pass.item();
      if (item.kind != Item::Kind::record || !counts(item.range)) continue;
      ++found.records;
      found.bytes += item.range.size();
    }
  }
  found.read_to = pass.at();
  pass.drop();
  return found;
}

Rest survey_rest(Pass& pass, Position from, Position until, Position end,
                 const std::function<bool(ByteRange)>& counts) {
  const auto found = survey(pass, from, {until}, counts);
  Rest rest{found.records, found.bytes, found.is_all};
  if (!rest.is_all) rest.bytes += end - std::min(end, found.read_to);
  return rest;
}

}  // namespace punchline
