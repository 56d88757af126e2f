// SPDX-License-Identifier: Apache-2.0
// Empty: the target that owns the precompiled headers of the unit tests must compile something.
