#include "engine/openvino/float16_to_float32.h"

#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>

namespace tubecam {

void float16_to_float32(const std::shared_ptr<ov::Model>& model) {
  using ov::op::v0::Constant;
  using ov::op::v0::Convert;
  bool changed = false;
  for (const auto& node : model->get_ordered_ops()) {
    if (const auto cast = ov::as_type_ptr<Convert>(node)) {
      if (cast->get_destination_type() != ov::element::f16) continue;
      cast->set_destination_type(ov::element::f32);
    } else if (const auto constant = ov::as_type_ptr<Constant>(node)) {
      if (constant->get_element_type() != ov::element::f16) continue;
      const auto wide = std::make_shared<Constant>(ov::element::f32, constant->get_shape(),
                                                   constant->cast_vector<float>());
      wide->set_friendly_name(constant->get_friendly_name());
      constant->output(0).replace(wide->output(0));
    } else {
      continue;
    }
    changed = true;
  }
  if (changed) model->validate_nodes_and_infer_types();
}

}  // namespace tubecam
