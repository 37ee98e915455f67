// The table of what Python sees: one function a stage.
#pragma once

#include <pybind11/pybind11.h>

namespace tubecam {

void register_choices(pybind11::module_& module);  // the names of options, and what they mean
void register_errors(pybind11::module_& module);  // C++ errors → the classes of tubecam/errors.py
void register_clip(pybind11::module_& module);    // Frame, ClipSpec, ClipWindow, TimestampRepair
void register_engine(pybind11::module_& module);  // Bundle, Engine
void register_tube(pybind11::module_& module);    // cam3d, tube functions, RelevanceSignal
void register_explanation(pybind11::module_& module);  // Explanation and its fields, marks, scores
void register_explain(pybind11::module_& module);      // Explainer
void register_overlay(
    pybind11::module_& module);  // colour tables, blend_heat, HeatSmoother, CaptionPainter

}  // namespace tubecam
