// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

// What happens from here:
//   cli/       the words on the command line -> a command
//   config/    its flags and environment -> one validated Config
//   session/   one running measurement:
//                probes/  loads the BPF programs and decodes what they send
//                loops/   tells event loops from other threads
//                stacks/  names the functions on their stacks
//                stalls/  keeps the account of every turn and blames a function
//   exposition/  serves what the session publishes
int main(int argc, char** argv) { return loopstall::cli::run(argc, argv); }
