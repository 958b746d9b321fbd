# SPDX-License-Identifier: BSD-3-Clause
# Completion of shardnet for bash, 4.2 or newer: commands, options and their values, keys.
# shellcheck shell=bash disable=SC2154

# @TABLES@

# _shardnet_offer WORD VALUES...: adds the values that begin with WORD to COMPREPLY
_shardnet_offer() {
    local word=$1 value found
    shift
    for value; do
        case $value in
        :files | :configs | :folders)
            compopt -o filenames 2>/dev/null
            local kind=-f
            if [ "$value" != :files ]; then
                kind=-d
            fi
            mapfile -t found < <(
                compgen $kind -- "$word"
                if [ "$value" = :configs ]; then
                    compgen -f -X '!*.ini' -- "$word"
                fi
            )
            if [ ${#found[@]} -eq 0 ]; then
                mapfile -t found < <(compgen -f -- "$word")
            fi
            COMPREPLY+=("${found[@]}")
            ;;
        :keys) _shardnet_offer_key "$word" ;;
        :none) ;;
        *)
            if [[ $value == "$word"* ]]; then
                COMPREPLY+=("$value")
            fi
            ;;
        esac
    done
}

# _shardnet_offer_key WORD: WORD is the beginning of SECTION.KEY=VALUE
_shardnet_offer_key() {
    local key=${1%%=*} values names
    if [[ $1 == *=* ]]; then
        read -ra values <<<"${_shardnet_values[$key]}"
        _shardnet_offer "${1#*=}" "${values[@]}"
        COMPREPLY=("${COMPREPLY[@]/#/$key=}")
    else
        read -ra names <<<"$_shardnet_keys"
        _shardnet_offer "$1" "${names[@]/%/=}"
        compopt -o nospace 2>/dev/null
    fi
}

# _shardnet_offer_operand COMMAND N WORD: offers the values of operand N, from 0
_shardnet_offer_operand() {
    local kinds kind
    read -ra kinds <<<"${_shardnet_operands[$1]}"
    if [ ${#kinds[@]} -gt 0 ]; then
        kind=${kinds[$2]-${kinds[-1]}}
        if (($2 < ${#kinds[@]})) || [[ $kind == *... ]]; then
            _shardnet_offer "$3" "${kind%...}"
        fi
    fi
}

# _shardnet_offer_value COMMAND OPTION WORD: offers the values of an option
_shardnet_offer_value() {
    local values
    read -ra values <<<"${_shardnet_values[$1:$2]}"
    if [ "${values[0]-}" = = ]; then
        values=("${values[@]:1}")
    fi
    _shardnet_offer "$3" "${values[@]}"
}

# _shardnet_join: sets the array words to the words up to the cursor.  bash splits words
# at the characters of COMP_WORDBREAKS, such as =
_shardnet_join() {
    local i part
    words=(shardnet)
    for ((i = 1; i <= COMP_CWORD; i++)); do
        part=${COMP_WORDS[i]}
        if ((i > 1)) && { [[ $part == = || ${words[-1]} == *= ]]; }; then
            words[-1]+=$part
        else
            words+=("$part")
        fi
    done
}

_shardnet() {
    local words command=shardnet word i operands=0 option='' ended='' help=help names
    _shardnet_join
    COMPREPLY=()
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [ -n "$option" ]; then # its value
            option=''
        elif [ -n "$ended" ] || [[ $word != -?* ]]; then
            if [ "$command$word" = "shardnet$help" ]; then
                help=''
            elif [[ " ${_shardnet_commands[$command]} " == *" $word "* ]]; then
                command+=:$word
            else
                operands=$((operands + 1))
            fi
        elif [ "$word" = -- ]; then
            ended=yes
        elif [[ ${_shardnet_values[$command:$word]-=} != =* ]]; then
            option=$word
        fi
    done
    word=${words[-1]}
    if [ -n "$option" ]; then
        _shardnet_offer_value "$command" "$option" "$word"
    elif [ -z "$ended" ] && [[ $word == --*=* ]]; then
        option=${word%%=*}
        _shardnet_offer_value "$command" "$option" "${word#*=}"
        COMPREPLY=("${COMPREPLY[@]/#/$option=}")
    elif [ -z "$ended" ] && [[ $word == -* ]]; then
        read -ra names <<<"${_shardnet_options[$command]}"
        _shardnet_offer "$word" "${names[@]}"
    elif [ -n "${_shardnet_commands[$command]}" ]; then
        read -ra names <<<"${_shardnet_commands[$command]}"
        if [ "$command" = shardnet ] && [ -n "$help" ]; then
            names+=("$help")
        fi
        _shardnet_offer "$word" "${names[@]}"
    else
        _shardnet_offer_operand "$command" "$operands" "$word"
    fi
    if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then # readline keeps the part before it
        COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}

complete -F _shardnet shardnet
