-- SPDX-License-Identifier: Apache-2.0
-- Of four requests to the example service, one makes many calls off the loop.
local number = 0

function request()
  number = number + 1
  return wrk.format("GET", number % 4 == 0 and "/many" or "/healthz")
end
