#compdef shardnet
# SPDX-License-Identifier: BSD-3-Clause
# Completion of shardnet for zsh: commands, options and their values, keys.

# @TABLES@

# _shardnet_describe KIND PREFIX SUFFIX NAME...: offers names with their help; the help of
# NAME is that of PREFIX and NAME
_shardnet_describe() {
    local kind=$1 prefix=$2 suffix=$3 name
    local -a described
    shift 3
    for name; do
        described+=("$name:${_shardnet_help[$prefix$name]}")
    done
    if [[ -n $suffix ]]; then
        _describe -t "$kind" "$kind" described -S "$suffix"
    else
        _describe -t "$kind" "$kind" described
    fi
}

# _shardnet_offer VALUES...: offers values; see the top of completion.c
_shardnet_offer() {
    local value
    local -a values
    for value; do
        case $value in
        :files) _files ;;
        :folders) _files -/ ;;
        :configs) _files -g '*.ini(-.)' ;;
        :keys)
            if compset -P '*='; then
                _shardnet_offer ${=_shardnet_values[${${IPREFIX#--*=}%=}]}
            else
                _shardnet_describe key '' = ${=_shardnet_keys}
            fi
            ;;
        :none) _message value ;;
        '=') ;;
        *) values+=("$value") ;;
        esac
    done
    (($#values == 0)) || compadd -a values
}

_shardnet() {
    local command=shardnet word option='' ended='' help=help kind
    local -a names
    integer i operands=0
    for ((i = 2; i < CURRENT; i++)); do
        word=${words[i]}
        if [[ -n $option ]]; then # its value
            option=''
        elif [[ -n $ended || $word != -?* ]]; then
            if [[ $command$word == shardnet$help ]]; then
                help=''
            elif [[ " ${_shardnet_commands[$command]} " == *" $word "* ]]; then
                command+=:$word
            else
                ((operands += 1))
            fi
        elif [[ $word == -- ]]; then
            ended=yes
        elif [[ ${_shardnet_values[$command:$word]-=} != '='* ]]; then
            option=$word
        fi
    done
    word=${words[CURRENT]}
    if [[ -n $option ]]; then
        _shardnet_offer ${=_shardnet_values[$command:$option]}
    elif [[ -z $ended && $word == --*=* ]]; then
        compset -P 1 '*='
        _shardnet_offer ${=_shardnet_values[$command:${word%%=*}]}
    elif [[ -z $ended && $word == -* ]]; then
        _shardnet_describe option "$command:" '' ${=_shardnet_options[$command]}
    elif [[ -n ${_shardnet_commands[$command]} ]]; then
        names=(${=_shardnet_commands[$command]})
        if [[ $command == shardnet && -n $help ]]; then
            names+=("$help")
        fi
        _shardnet_describe command "$command:" '' "${names[@]}"
    else
        names=(${=_shardnet_operands[$command]})
        kind=${names[operands + 1]-${names[-1]}}
        if ((operands < $#names)) || [[ $kind == *... ]]; then
            _shardnet_offer "${kind%...}"
        fi
    fi
}

_shardnet "$@"
