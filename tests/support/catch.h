#pragma once

// Catch2 2.13 has one header for all, 3.x has several: tests include this file and no other.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "tests/support/places.h"
